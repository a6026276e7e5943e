import { afterEach, expect, it } from 'vitest';
import { start as agents } from '../../samples/agents/bot.ts';
import { start as azure } from '../../samples/azure/bot.ts';
import { start as line } from '../../samples/line/bot.ts';
import { start as messenger } from '../../samples/messenger/bot.ts';
import { start as slack } from '../../samples/slack/bot.ts';
import { start as twilio } from '../../samples/twilio/bot.ts';
import { start as whatsapp } from '../../samples/whatsapp/bot.ts';
import { agentsTake, everythingFails, isErased, normalCourse } from './course.ts';
import { configured, kept, secrets, texts, thrown } from './marks.ts';
import { found } from './needles.ts';
import { leakyWorld, type Output } from './world.ts';

const bots = [
  ['slack', slack],
  ['twilio', twilio],
  ['line', line],
  ['messenger', messenger],
  ['whatsapp', whatsapp],
  ['azure on botbuilder', azure],
  ['azure on the Agents SDK', agents],
] as const;

const outputs: readonly Output[] = ['console', 'errors', 'events', 'log', 'metrics', 'refusals', 'spans', 'stats', 'warnings'];

/** What the bot's own code throws goes the host's own way: to its console and the vendor, and to listeners of events. */
const ownErrors: readonly Output[] = ['console', 'errors', 'events', 'refusals'];

let world: Awaited<ReturnType<typeof leakyWorld>> | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

it.each(bots)('%s: no secret and no text in anything that comes out', async (name, start) => {
  const [channel = ''] = name.split(' ');
  world = await leakyWorld(channel, start);
  await normalCourse(world);
  await agentsTake(world);
  await everythingFails(world);
  const looks = await isErased(world);
  await world.ends();

  const { secret, token, extra } = world.identity;
  const hidden = { ...secrets, secret, token, ...(extra['verifyToken'] ? { verifyToken: extra['verifyToken'] } : {}) };
  const never = { ...hidden, ...texts, ...kept, ...configured };
  for (const [output, lines] of world.outputs) {
    const needles = ownErrors.includes(output) ? never : { ...never, thrown };
    expect(
      lines.filter((line) => found(needles, line).length > 0),
      output,
    ).toEqual([]);
  }
  for (const [asked, answer] of looks.closed) expect(found({ ...never, thrown }, answer), asked).toEqual([]);
  for (const [asked, answer] of looks.open) expect(found({ ...hidden, thrown }, answer), asked).toEqual([]);

  // All that was to happen has happened and was heard, and what may be seen is found.
  expect([...world.outputs.keys()].sort()).toEqual(outputs);
  expect(world.names()).toEqual(expect.arrayContaining(happenings));
  expect(world.closes()).toEqual(expect.arrayContaining(closes));
  const heard = (output: Output) => world?.outputs.get(output)?.join('\n') ?? '';
  for (const output of ['events', 'log', 'metrics', 'spans', 'stats'] as const) expect(heard(output)).toContain('main');
  const failures = heard('events') + heard('errors');
  expect(signs.filter((sign) => failures.includes(sign))).toEqual(signs);
  expect(found({ thrown }, heard('events'))).toEqual(['thrown']);
  const { inbound, payload, outbound, agentReply } = texts;
  const shown = { inbound, payload, outbound, agentReply, ...kept, ...configured };
  expect(found(shown, [...looks.open.values()].join())).toEqual(Object.keys(shown));
});

const happenings = [
  ...['opened', 'closed', 'command', 'warned', 'duplicate', 'degraded', 'save_failed', 'error', 'settings_changed', 'erased'],
  ...['handed_off', 'assigned', 'customer_wrote', 'reassigned', 'overdue', 'answered', 'handed_back'],
];

const closes = ['refresh', 'inactivity', 'agent_inactivity', 'bot', 'api'];

/** Of failures. */
const signs = [
  ...['HANDLER_FAILED', 'ADJ_CONFIG_INVALID', 'ADJ_SEND_FAILED', 'ADJ_AUTH_UNREADABLE', 'ADJ_RECORD_INVALID'],
  ...['STORE_UNAVAILABLE', 'LEASE_LOST', 'The archive did not answer'],
];
