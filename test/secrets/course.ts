import { createSessions } from '../../src/index.ts';
import type { Act, Fault } from '../../src/simulator/simulator.ts';
import { configured, kept, secrets, texts } from './marks.ts';
import { asPicture } from './pictures.ts';
import type { leakyWorld } from './world.ts';

type World = Awaited<ReturnType<typeof leakyWorld>>;

const minute = 60_000;

/** Ada says hello, taps, gives commands, and goes: the bot keeps things of her, warns her and closes. */
export async function normalCourse(world: World): Promise<void> {
  const { clock, sessions, simulator } = world;
  await does(world, `hello, ${texts.inbound}`);
  await does(world, { does: 'taps', payload: `set note=${kept.variable} ttl=600` });
  await does(world, { does: 'taps', payload: texts.payload });
  await does(world, 'discard');
  await does(world, { does: 'refreshes' });
  await does(world, `hello again, ${texts.inbound}`);
  await sessions.run(world.key(), async (turn) => {
    turn.session.data.last = kept.data;
    turn.session.dialog.push('order', { note: kept.data });
    turn.session.variables.set('note', kept.variable, { scope: 'contact' });
    turn.session.auth.set('calendar', { accessToken: secrets.authToken, refreshToken: secrets.refreshToken });
    await turn.reply(texts.outbound);
  });
  await clock.advance(31 * minute);
  await does(world, `back, ${texts.inbound}`);
  const change = { endpoints: { main: { closingMessage: configured.closingLater } } };
  await sessions.settings.set(change, { by: 'ops', dryRun: true });
  await sessions.settings.set(change, { by: 'ops' });
  await does(world, `hello, ${texts.inbound}`);
  await sessions.run(world.key(), async (turn) => turn.session.close({ outcome: 'resolved' }));
  await sessions.open({ ...simulator.address(world.channel, 'main', 'ada'), endpoint: 'main' }, { reason: 'reminder' });
  await clock.advance(31 * minute);
}

/** Ada asks for a person: kim lets her wait, lee answers, and closes at last by saying nothing. */
export async function agentsTake(world: World): Promise<void> {
  const { clock, desk } = world;
  const key = world.key();
  for (const agent of ['kim', 'lee']) await desk.presence(agent, 'online');
  await does(world, 'agent please');
  await desk.assign(key, 'kim');
  await does(world, `is anybody there? ${texts.inbound}`);
  await clock.advance(31 * minute);
  await desk.reply(key, { agent: 'lee', message: texts.agentReply });
  await clock.advance(61 * minute);
}

/** Whatever can fail does: vendors, requests, the bot's own code, the store, the archive. */
export async function everythingFails(world: World): Promise<void> {
  const { key, sessions, tries } = world;
  await badRequests(world);
  await does(world, `slow ${texts.inbound}`);
  await does(world, `expire ${texts.inbound}`);
  await tries(() => sessions.run(key(), async ({ session }) => session.expireAfter(texts.inbound as never)));
  await vendorRefuses(world);
  await storeFails(world);
}

/** Forged, damaged and unknown requests. */
async function badRequests({ webhook, send, simulator, channel, botUrl, tries }: World): Promise<void> {
  for (const signature of ['wrong', 'none', 'stale'] as const) await send(webhook(texts.inbound), signature);
  // Bolt waits for seconds before it refuses what is no event at all.
  const unknown = { type: texts.unknown, text: texts.unknown };
  await send(simulator.raw(channel, 'main', { ...unknown, type: 'event_callback', event: unknown, events: [unknown] }));
  await tries(async () => {
    const headers = { 'content-type': 'application/json' };
    const { status } = await fetch(botUrl, { method: 'POST', headers, body: `{"text":"${texts.inbound}` });
    throw new Error(`It was answered ${status}.`);
  });
}

/** Answers, acknowledgements, replies of agents and closing messages that do not go out. */
async function vendorRefuses(world: World): Promise<void> {
  const { channel, clock, desk, sessions, simulator, tries } = world;
  const fails = (fault: Fault) => simulator.fail(channel, fault, 1);
  const speaks = () => tries(() => sessions.run(world.key(), (turn) => turn.reply(texts.outbound)));
  for (const text of [`go on, ${texts.inbound}`, 'discard']) {
    fails('blocked');
    await does(world, text);
    // Where the answer went out with the webhook's own, the fault still waits.
    await speaks();
  }
  for (const fault of ['429', '500', '500-delivered', 'timeout', 'window', 'blocked'] as const) {
    fails(fault);
    await speaks();
  }
  await does(world, 'agent please');
  fails('window');
  await tries(() => desk.reply(world.key(), { agent: 'kim', message: texts.agentReply }));
  await desk.returnToBot(world.key());
  // The warning, then the closing message.
  for (const fault of ['429', '500'] as const) fails(fault);
  await clock.advance(31 * minute);
}

/** The store is out, is full, lets a lease go, and holds what cannot be read; the archive is out. */
async function storeFails(world: World): Promise<void> {
  const { clock, sessions, store, tries, trouble } = world;
  await does(world, `hello, ${texts.inbound}`);
  for (const what of ['reads', 'writes', 'leases', 'archive'] as const) {
    trouble[what] = true;
    await does(world, `still there, ${texts.inbound}`);
    await tries(() => sessions.run(world.key(), (turn) => turn.reply(texts.outbound)));
    if (what === 'archive') await clock.advance(31 * minute);
    trouble[what] = false;
  }
  await does(world, `hello, ${texts.inbound}`);
  await withAnotherKey(world);
  const lease = () => store.begin(world.key(), { now: clock.now(), leaseMs: 60_000, waitMs: 0 });
  const begun = await lease();
  await store.commit(begun.lease, { v: 99, said: texts.inbound }, null);
  await does(world, `whatever, ${texts.inbound}`);
  await tries(() => sessions.explain(world.key()));
  await store.commit((await lease()).lease, begun.record, null);
}

/** Another process cannot read the tokens. */
async function withAnotherKey({ clock, key, sessions, store, tries }: World): Promise<void> {
  await sessions.run(key(), async (turn) => turn.session.auth.set('calendar', { accessToken: secrets.authToken }));
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const other = createSessions({ clock, logger, store, encryptionKeys: [secrets.otherKey], worker: false });
  await tries(() => other.run(key(), async (turn) => turn.session.auth.get('calendar')));
}

/** What may be looked at: what the admin API answers, by what was asked, and what lies in the store. */
export interface Answers {
  /** Holds what was said and kept: that is what it is for. */
  readonly open: Map<string, string>;
  /** May not. */
  readonly closed: Map<string, string>;
}

/** Somebody looks at what is kept of Ada and erases her; an old message is delivered once more. */
export async function isErased(world: World): Promise<Answers> {
  const { asks, events, send, sessions, webhook } = world;
  const closed = new Map<string, string>();
  const open = new Map<string, string>();
  const old = webhook(`before, ${texts.inbound}`);
  await send(old);
  await does(world, { does: 'taps', payload: texts.payload });
  await send(asPicture(world.channel, webhook('picture')));
  await sessions.run(world.key(), async ({ session }) => {
    session.data.last = kept.data;
    session.auth.set('calendar', { accessToken: secrets.authToken, refreshToken: secrets.refreshToken });
  });
  open.set('at rest', world.atRest());
  const contact = `/contacts/${encodeURIComponent(world.key())}`;
  const conversation = `/conversations/${encodeURIComponent(world.key())}`;
  for (const path of [
    contact,
    `${conversation}/explain`,
    '/live',
    '/desks',
    '/stats?from=0&to=8000000000000',
    '/openapi.json',
    '/nothing',
  ])
    closed.set(path, await asks(path));
  for (const path of ['/settings', '/settings/history', `${contact}/export`]) open.set(path, await asks(path));
  await world.counts();
  const ids = new Set(events.flatMap((event) => ('session' in event && event.session ? [event.session] : [])));
  for (const session of ids) {
    closed.set(session, await asks(`/sessions/${session}`));
    const transcript = `/sessions/${session}/transcript`;
    open.set(transcript, await asks(transcript));
    closed.set(transcript, await asks(transcript, { redact: true }));
  }
  closed.set('export', await asks(`${contact}/export`, { redact: true }));
  closed.set('events', await world.streams());
  closed.set(
    'wrong',
    await asks('/settings', { method: 'PATCH', body: { change: { endpoints: { main: { expiration: texts.inbound } } } } }),
  );
  for (const path of [`/live?limit=${texts.inbound}`, `/stats?${texts.inbound}`, `/contacts/${texts.inbound}/${texts.inbound}`])
    closed.set(path.replace(texts.inbound, '…'), await asks(path));
  closed.set('end', await asks(`${conversation}/end`, { method: 'POST' }));
  closed.set('erase', await asks(contact, { method: 'DELETE' }));
  await send(old);
  closed.set('afterwards', await asks(contact));
  return { open, closed };
}

async function does({ send, webhook }: World, act: Act | string): Promise<void> {
  await send(webhook(act));
}
