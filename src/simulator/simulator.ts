import { type Clock, systemClock } from '../middleware/clock.ts';
import type { Address } from '../middleware/core/conversation.ts';
import { AdjournError } from '../middleware/errors.ts';
import { startApiServer } from './api-server.ts';
import { type Fault, faults } from './faults.ts';
import { people } from './people.ts';
import { post } from './post.ts';
import type { Act, Identity, Outbound, Signature, Vendor, VendorWorld, Webhook, WebhookAnswer } from './vendor.ts';
import { vendors as allVendors } from './vendors.ts';

export type { Fault } from './faults.ts';
export type { Act, Identity, Signature, Vendor, Webhook, WebhookAnswer } from './vendor.ts';

export interface SimulatorOptions {
  /** Vendors' time: stamps of messages, limits. Signatures run on real time. @default the machine's clock */
  readonly clock?: Clock | undefined;
  /** @default all six */
  readonly vendors?: readonly Vendor[] | undefined;
  /** How long a call that meets `timeout` stays open before its connection breaks, vendors' time. @default 0 */
  readonly silenceMs?: number | undefined;
  /** A bot answered a webhook; told before the messages that its answer holds. */
  readonly onDelivered?: ((delivered: Delivered) => void) | undefined;
  /** Somebody got a message. */
  readonly onReceived?: ((message: Received) => void) | undefined;
  /** A bot called a route that no vendor here has; it was answered 501. */
  readonly onUnknownRoute?: ((route: UnknownRoute) => void) | undefined;
  /** The number of open calls to the vendors' APIs has changed. */
  readonly onActivity?: (() => void) | undefined;
}

/** A webhook that was answered. */
export interface Delivered {
  readonly channel: string;
  readonly endpoint: string;
  readonly user: string | undefined;
  /** The HTTP status the bot gave. */
  readonly status: number;
}

/** A message that reached a person. */
export interface Received {
  readonly channel: string;
  readonly endpoint: string;
  /** The person's name, or the vendor's id of somebody nobody has mentioned. */
  readonly user: string;
  readonly text: string;
}

export interface UnknownRoute {
  /** Undefined where the route looks like no vendor's. */
  readonly channel: string | undefined;
  readonly method: string;
  /** Without its query. */
  readonly path: string;
}

/** Where a webhook goes and how. */
export interface Dispatch {
  readonly channel: string;
  readonly endpoint: string;
  /** The bot's address. */
  readonly url: string;
  /** The person it is about; whoever the answer itself speaks to. */
  readonly user?: string | undefined;
  /** @default 'right' */
  readonly signature?: Signature | undefined;
  /** Headers beside the vendor's own. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The vendors' side of every channel on this machine: their APIs on one port, and people who write to bots by signed webhooks. */
export interface Simulator {
  /** Base address of all vendors' APIs. */
  readonly url: string;
  /** Ids and secrets of an endpoint. From now on the vendor's API knows it. */
  identity(channel: string, endpoint: string): Identity;
  /** The vendor's id of a person. */
  person(channel: string, user: string): string;
  /** Where a bot reaches a person it has not heard from; for `sessions.open`. */
  address(channel: string, endpoint: string, user: string): Address;
  /** The name behind a vendor's id of a person. */
  nameOf(channel: string, id: string): string | undefined;
  /**
   * The webhook for what a person does on an endpoint. Undefined where the vendor has none for it.
   * @param at when it happened, epoch ms. @default now
   */
  webhook(channel: string, endpoint: string, user: string, act: Act, at?: number): Webhook | undefined;
  /** The same delivery as the vendor would send it again. @param attempt 1 for the first repetition */
  redelivery(channel: string, webhook: Webhook, attempt: number): Webhook;
  /** A webhook with a body of one's own. */
  raw(channel: string, endpoint: string, body: unknown, headers?: Readonly<Record<string, string>>): Webhook;
  /** Sends a webhook to a bot, freshly signed, and reads what its answer says to the user. Rejects where the bot cannot be reached. */
  send(webhook: Webhook, to: Dispatch): Promise<WebhookAnswer>;
  /** The vendor's next `times` calls that send a message meet a fault. */
  fail(channel: string, fault: Fault, times: number): void;
  /** Calls to the vendors' APIs that are not answered yet. */
  openCalls(): number;
  /** Those of them that meet `timeout`: only time ends them. */
  silentCalls(): number;
  close(): Promise<void>;
}

/**
 * Starts a simulator on 127.0.0.1, on any free port.
 * @throws AdjournError `ADJ_CONFIG_INVALID` under `NODE_ENV=production`
 */
export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  if (process.env['NODE_ENV'] === 'production') {
    throw new AdjournError('ADJ_CONFIG_INVALID', 'The simulator does not run in production.', {
      where: 'NODE_ENV',
      hint: 'Unset it to simulate.',
    });
  }
  const { clock = systemClock, vendors = allVendors, silenceMs = 0 } = options;
  const identities = new Map<string, Map<string, Identity>>(vendors.map((vendor) => [vendor.channel, new Map()]));
  const known = people();
  const failing = faults();
  const mail = post();
  /** The last message each way between a person and an endpoint, for acts that are about one. */
  const lastWritten = new Map<string, string>();
  const lastReceived = new Map<string, string>();
  let sequence = 0;

  const vendorOf = (channel: string): Vendor => {
    const found = vendors.find((vendor) => vendor.channel === channel);
    if (found === undefined) throw new AdjournError('ADJ_CONFIG_INVALID', 'No such channel is simulated.', { where: channel });
    return found;
  };
  const identity = (channel: string, endpoint: string): Identity => {
    const ofChannel = identities.get(channel);
    const found = ofChannel?.get(endpoint) ?? vendorOf(channel).identity(endpoint);
    ofChannel?.set(endpoint, found);
    return found;
  };
  const receive = (channel: string, endpoint: string, user: string, message: Outbound) => {
    if (message.id !== undefined) lastReceived.set(JSON.stringify([endpoint, user]), message.id);
    options.onReceived?.({ channel, endpoint, user, text: message.text });
  };
  const worldOf = (vendor: Vendor): VendorWorld => ({
    now: () => clock.now(),
    next: () => ++sequence,
    identities: () => [...(identities.get(vendor.channel)?.values() ?? [])],
    receive: (message) =>
      receive(vendor.channel, message.identity.endpoint, known.name(vendor.channel, message.to) ?? message.to, message),
  });

  const server = await startApiServer({
    vendors,
    faults: failing,
    worldOf,
    unknown: (call, channel) =>
      options.onUnknownRoute?.({ channel, method: call.method, path: call.path.split('?')[0] ?? call.path }),
    patience: async () => (silenceMs === 0 ? undefined : clock.sleep(silenceMs)),
    changed: () => options.onActivity?.(),
  });

  return {
    url: server.url,
    identity,
    person: (channel, user) => known.id(vendorOf(channel), user),
    address(channel, endpoint, user) {
      const vendor = vendorOf(channel);
      const id = known.id(vendor, user);
      const place = {
        conversation: { id, kind: 'direct' as const },
        ...vendor.address?.(id, identity(channel, endpoint), server.url),
      };
      return { channel, endpoint, user: id, ...place };
    },
    nameOf: (channel, id) => known.name(channel, id),
    webhook(channel, endpoint, user, act, at = clock.now()) {
      const vendor = vendorOf(channel);
      const pair = JSON.stringify([endpoint, user]);
      const about =
        act.does === 'edits' || act.does === 'unsends'
          ? lastWritten.get(pair)
          : (lastReceived.get(pair) ?? lastWritten.get(pair));
      const made = vendor.webhook(act, {
        identity: identity(channel, endpoint),
        user,
        person: known.id(vendor, user),
        at,
        sequence: ++sequence,
        about,
        vendorUrl: server.url,
      });
      if (made !== undefined && act.does === 'says') lastWritten.set(pair, made.id);
      return made;
    },
    redelivery: (channel, webhook, attempt) => vendorOf(channel).redelivery(webhook, attempt),
    raw: (channel, endpoint, body, headers = {}) => vendorOf(channel).raw(body, headers, identity(channel, endpoint), server.url),
    async send(webhook, { channel, endpoint, url, user, signature = 'right', headers = {} }) {
      const vendor = vendorOf(channel);
      const signed = vendor.sign(webhook, identity(channel, endpoint), url, Date.now(), signature);
      const answer = await mail.send(webhook, { ...signed, headers: { ...signed.headers, ...headers } }, url);
      options.onDelivered?.({ channel, endpoint, user, status: answer.status });
      for (const message of vendor.answered(answer, webhook)) {
        const to = message.to === undefined ? user : (known.name(channel, message.to) ?? message.to);
        if (to !== undefined) receive(channel, endpoint, to, message);
      }
      return answer;
    },
    fail(channel, fault, times) {
      failing.add(vendorOf(channel).channel, fault, times);
    },
    openCalls: () => server.open(),
    silentCalls: () => server.held(),
    async close() {
      mail.close();
      await server.close();
    },
  };
}
