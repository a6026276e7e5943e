import { isAdjournError } from '../../middleware/errors.ts';
import type { Act, Webhook } from '../simulator.ts';
import type { PersonActs, Redelivers, Scenario, SendsRaw, WebhookStep } from './format.ts';
import { type Line, line, type Place } from './lines.ts';
import { fill, fillText, personIn } from './placeholders.ts';
import { headersOf } from './rest.ts';
import type { Stage } from './stage.ts';

/** Sends the webhooks of a scenario. */
export interface Sender {
  /** Begins a delivery; its answer comes into the list of the run. */
  deliver(step: WebhookStep): void;
}

/** A delivery, to be repeated by its id. */
interface Sent {
  readonly webhook: Webhook;
  readonly place: { readonly endpoint: string; readonly channel: string; readonly user: string | undefined };
  attempts: number;
}

export function sender(scenario: Scenario, stage: Stage): Sender {
  const { simulator, clock, rest, timeline, company } = stage;
  const sent = new Map<string, Sent>();
  let raws = 0;

  const channelOf = (endpoint: string) => scenario.endpoints[endpoint]?.channel ?? '';
  const note = (place: Place, text: string) => timeline.note(line(clock.now(), 'does', place, { text }));

  const send = ({ place, webhook }: Sent, process: number, signature?: SendsRaw['signature']) => {
    const url = company.living().get(process)?.urls[place.endpoint];
    const label = `delivery ${webhook.id} to ${place.endpoint}`;
    rest
      .follow({ label, user: place.user }, async (work) => {
        if (url === undefined) throw new RangeError(`Process ${process} is dead.`);
        return simulator.send(webhook, { ...place, url, signature, headers: headersOf(work) });
      })
      .catch((error) => timeline.add(failure(clock.now(), place, error, 'WEBHOOK_UNANSWERED')));
  };
  const first = (webhook: Webhook, place: Sent['place'], id: string | undefined): Sent => {
    const one: Sent = { webhook, place, attempts: 0 };
    if (id !== undefined) sent.set(id, one);
    return one;
  };

  const acts = ({ user, endpoint, act, writtenAt, id, process }: PersonActs) => {
    const place = { user, endpoint, channel: channelOf(endpoint) };
    const webhook = simulator.webhook(place.channel, endpoint, user, act, writtenAt);
    if (webhook === undefined) throw new RangeError(`${place.channel} has no webhook for "${act.does}".`);
    note(place, described(act));
    send(first(webhook, place, id), process);
  };
  const sendsRaw = ({ user, endpoint, body, headers, signature, id, process }: SendsRaw) => {
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
    send(first(webhook, place, id), process, signature);
  };
  const redelivers = ({ id, process }: Redelivers) => {
    const before = sent.get(id);
    if (before === undefined) throw new RangeError(`Nothing was delivered as ${id}.`);
    before.attempts += 1;
    note(before.place, `(delivered again: ${id})`);
    send({ ...before, webhook: simulator.redelivery(before.place.channel, before.webhook, before.attempts) }, process);
  };

  return {
    deliver(step) {
      switch (step.verb) {
        case 'acts':
          acts(step);
          break;
        case 'sends':
          sendsRaw(step);
          break;
        case 'redelivers':
          redelivers(step);
      }
    },
  };
}

/** The line of something that failed outside of every turn. @param otherwise the code of an error that has none of ours */
export function failure(at: number, place: Place, error: unknown, otherwise: string): Line {
  return line(at, 'error', place, { code: isAdjournError(error) ? error.code : otherwise });
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
