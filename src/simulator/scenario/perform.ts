import { keyOf } from '../../middleware/core/activity.ts';
import type { ConversationRecord } from '../../middleware/core/conversation.ts';
import { isAdjournError } from '../../middleware/errors.ts';
import type { Act, Webhook } from '../simulator.ts';
import type { BotStarts, BotWorks, Delivered, ExpectedState, Expects, PersonActs, Scenario, SendsRaw, Step } from './format.ts';
import { line, type Place } from './lines.ts';
import { type Mismatch, matchEvents } from './match.ts';
import { fill, fillText, personIn } from './placeholders.ts';
import type { Work } from './rest.ts';
import type { Process, Stage } from './stage.ts';
import { type ConversationState, matchState, stateOf } from './state.ts';

/** Does what the steps of one scenario say. */
export interface Performer {
  /** Begins a step; it is over when the stage has come to rest. @returns expectations that do not hold */
  perform(step: Step): Promise<readonly Mismatch[]>;
}

/** A delivery that can be repeated by its id. */
interface Sent {
  readonly webhook: Webhook;
  readonly place: { readonly endpoint: string; readonly channel: string; readonly user: string | undefined };
  attempts: number;
}

export function performer<Data>(scenario: Scenario, stage: Stage<Data>): Performer {
  const { simulator, clock, watch, timeline } = stage;
  const sent = new Map<string, Sent>();
  let raws = 0;

  const channelOf = (endpoint: string) => scenario.endpoints[endpoint]?.channel ?? '';
  const addressOf = (endpoint: string, user: string) => simulator.address(channelOf(endpoint), endpoint, user);
  /** As the events name it; for somebody they have not named yet, as their address does. */
  const keyOfPerson = (endpoint: string, user: string) => {
    const scope = scenario.endpoints[endpoint]?.settings.scope ?? scenario.organization.scope ?? 'user';
    return (
      stage.keyOf(endpoint, user) ?? keyOf({ kind: 'lifecycle', type: 'none', ...addressOf(endpoint, user) }, endpoint, scope)
    );
  };
  const processOf = (number: number): Process<Data> => {
    const found = stage.processes[number - 1];
    if (found === undefined) throw new RangeError(`There is no process ${number}.`);
    return found;
  };
  const note = (place: Place, text: string) => timeline.note(line(clock.now(), 'does', place, { text }));
  const failed = (place: Place, error: unknown, otherwise: string) =>
    timeline.add(line(clock.now(), 'error', place, { code: isAdjournError(error) ? error.code : otherwise }));

  const send = (one: Sent, process: number, signature?: SendsRaw['signature']) => {
    const { place, webhook } = one;
    const url = processOf(process).bots.get(place.endpoint)?.url ?? '';
    const work: Work = { label: `delivery ${webhook.id} to ${place.endpoint}`, user: place.user };
    const headers = watch.headers(work);
    watch
      .follow(work, () => simulator.send(webhook, { ...place, url, signature, headers }))
      .catch((error) => failed(place, error, 'WEBHOOK_UNANSWERED'));
  };
  const remember = (id: string | undefined, one: Sent) => {
    if (id !== undefined) sent.set(id, one);
    return one;
  };

  const deliver = (step: Delivered): void => {
    switch (step.verb) {
      case 'acts':
        act(step);
        break;
      case 'sends':
        raw(step);
        break;
      case 'redelivers': {
        const before = sent.get(step.id);
        if (before === undefined) throw new RangeError(`Nothing was delivered as ${step.id}.`);
        before.attempts += 1;
        note(before.place, `(delivered again: ${step.id})`);
        send({ ...before, webhook: simulator.redelivery(before.place.channel, before.webhook, before.attempts) }, step.process);
      }
    }
  };
  const act = ({ user, endpoint, act: done, writtenAt, id, process }: PersonActs) => {
    const place = { user, endpoint, channel: channelOf(endpoint) };
    const webhook = simulator.webhook(place.channel, endpoint, user, done, writtenAt);
    if (webhook === undefined) throw new RangeError(`${place.channel} has no webhook for "${done.does}".`);
    note(place, described(done));
    send(remember(id, { webhook, place, attempts: 0 }), process);
  };
  const raw = ({ user, endpoint, body, headers, signature, id, process }: SendsRaw) => {
    const channel = channelOf(endpoint);
    const values = {
      user: (name: string) => simulator.person(channel, name),
      endpoint: simulator.identity(channel, endpoint).account,
      id: `raw-${++raws}`,
      now: clock.now(),
    };
    const filled = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, fillText(value, values)]));
    const webhook = simulator.raw(channel, endpoint, fill(body, values), filled);
    const place = { user: user ?? personIn(body), endpoint, channel };
    note(place, `(a raw webhook${signature === 'right' ? '' : `, signature ${signature}`})`);
    send(remember(id, { webhook, place, attempts: 0 }), process, signature);
  };

  const botActs = (step: BotStarts | BotWorks) => {
    const { user, endpoint, process } = step;
    const place = { user, endpoint, channel: channelOf(endpoint) };
    const { sessions, clock: slept } = processOf(process);
    const work: Work = { label: `${step.verb} with ${user} on ${endpoint}`, user };
    const doing = async () => {
      const key = step.verb === 'bot works' ? keyOfPerson(endpoint, user) : (await sessions.open(addressOf(endpoint, user))).key;
      if (key === undefined) throw new RangeError(`${user} cannot be reached on ${endpoint}.`);
      if (step.verb === 'bot works') await sessions.run(key, () => slept.sleep(step.forMs));
      else if (step.says !== undefined) await sessions.run(key, (turn) => turn.reply(step.says));
    };
    watch.follow(work, doing).catch((error) => failed(place, error, 'HANDLER_FAILED'));
  };

  const stateNow = async ({ user, endpoint }: ExpectedState): Promise<ConversationState> => {
    const key = keyOfPerson(endpoint, user);
    const [process] = stage.processes;
    if (key === undefined || process === undefined) return stateOf(undefined, undefined, clock.now());
    const found = await stage.store.find({ keys: [key], limit: 1 });
    const record = found.records[0]?.record as unknown as ConversationRecord | undefined;
    return stateOf(record, await process.sessions.explain(key), clock.now());
  };
  const expect = async (step: Expects): Promise<readonly Mismatch[]> => {
    const wrong = step.closesWindow ? matchEvents(step, timeline.fresh(), scenario.offset) : [];
    for (const entry of step.entries) {
      if (entry.about === 'state') wrong.push(...matchState(entry, await stateNow(entry), scenario.offset));
    }
    return wrong;
  };

  return {
    async perform(step) {
      switch (step.verb) {
        case 'together':
          for (const one of step.deliveries) deliver(one);
          return [];
        case 'bot starts':
        case 'bot works':
          botActs(step);
          return [];
        case 'vendor fails':
          simulator.fail(step.channel, step.fault, step.times);
          return [];
        case 'store':
          stage.store.down(step.store === 'down');
          return [];
        case 'expect':
          return expect(step);
        default:
          deliver(step);
          return [];
      }
    },
  };
}

function described(act: Act): string {
  switch (act.does) {
    case 'says':
      return act.text;
    case 'taps':
      return `[${act.payload}]`;
    default:
      return `(${act.does})`;
  }
}
