import type { Address } from '../middleware/core/conversation.ts';

/**
 * The port every simulated vendor fills in: `src/simulator/channels/<channel>.ts` exports one `Vendor`.
 * A vendor knows shapes, ids, signatures and routes; the simulator owns the HTTP server, time, people and faults.
 */
export interface Vendor {
  readonly channel: string;
  /** Ids and secrets of one endpoint, made from its name alone, the same in every process. */
  identity(endpoint: string): Identity;
  /** The vendor's id for a person, made from the name alone. */
  person(name: string): string;
  /**
   * Where a bot writes to that begins by itself, in its adapter's words: what its own records would hold of a person.
   * @default the person's id is their conversation
   */
  readonly address?: (person: string, identity: Identity, vendorUrl: string) => Pick<Address, 'conversation' | 'to'>;
  /**
   * The webhook for what a person did, unsigned. Undefined where this vendor has no such thing.
   */
  webhook(act: Act, context: WebhookContext): Webhook | undefined;
  /** The same delivery as the vendor would send it again: same id and body but for the vendor's own retry flags. */
  redelivery(webhook: Webhook, attempt: number): Webhook;
  /** A webhook with a body of the scenario's own. @param vendorUrl base address of the simulator */
  raw(body: unknown, headers: Readonly<Record<string, string>>, identity: Identity, vendorUrl?: string): Webhook;
  /** Headers and bytes as they go over the wire. Signatures run on real time. */
  sign(webhook: Webhook, identity: Identity, url: string, realNow: number, signature: Signature): SignedWebhook;
  /** What the user gets through the webhook's own answer: TwiML, a slash command's text. */
  answered(response: WebhookAnswer, webhook: Webhook): readonly Outbound[];
  /** Answers a call of the vendor's API. Undefined: no such route here. */
  api(call: ApiCall, world: VendorWorld): ApiAnswer | undefined;
  /** Whether a call that `api` does not know is meant for this vendor; it then gets `unknownRoute`. */
  owns(call: ApiCall): boolean;
  /** 501 in the vendor's own error shape. */
  unknownRoute(call: ApiCall): ApiAnswer;
  /** How this vendor words a fault. Time-outs and `500-delivered` are the simulator's. */
  fault(kind: '429' | '500' | 'window' | 'blocked', call: ApiCall): ApiAnswer;
  /** Whether a call sends a message to a person: only such calls meet faults. */
  sends(call: ApiCall): boolean;
}

/** One endpoint of a bot: what the vendor and the bot both know. */
export interface Identity {
  readonly endpoint: string;
  /** The vendor's id of the bot's side: `destination`, page id, phone number id, `To`, workspace. */
  readonly account: string;
  /** What signs webhooks. */
  readonly secret: string;
  /** What authenticates the bot's API calls. */
  readonly token: string;
  /** Further ids a vendor needs (bot user id, app id …). */
  readonly extra: Readonly<Record<string, string>>;
}

/** What a person does. */
export type Act =
  | { readonly does: 'says'; readonly text: string }
  | { readonly does: 'taps'; readonly payload: string }
  | { readonly does: 'refreshes' }
  | { readonly does: 'reads' | 'types' | 'reacts' | 'edits' | 'unsends' | 'joins' };

export interface WebhookContext {
  readonly identity: Identity;
  /** The person's name in the scenario. */
  readonly user: string;
  /** The vendor's id of the person. */
  readonly person: string;
  /** Virtual time the act happened at, epoch ms. Channel timestamps come from it. */
  readonly at: number;
  /** Counts every webhook of a run: ids are made from it. */
  readonly sequence: number;
  /** The id of the message this act is about (edit, reaction, read); of the person's or the bot's last one. */
  readonly about: string | undefined;
  /** Base address of the simulator, for `serviceUrl`, `response_url` and the like. */
  readonly vendorUrl: string;
}

export interface Webhook {
  /** The id that stays the same when it is delivered again. */
  readonly id: string;
  readonly method: 'POST' | 'GET';
  /** Unsigned body: JSON data, or form fields. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly encoding: 'json' | 'form';
  readonly headers: Readonly<Record<string, string>>;
}

export type Signature = 'right' | 'wrong' | 'none' | 'stale';

export interface SignedWebhook {
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: string;
}

export interface WebhookAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A message on its way to a person. */
export interface Outbound {
  /** The vendor's id of the person; undefined: whoever the webhook was about. */
  readonly to?: string | undefined;
  readonly text: string;
  /** The vendor's id of this message, where it has one. */
  readonly id?: string | undefined;
}

export interface ApiCall {
  readonly method: string;
  /** Path with query, as sent. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** JSON data, or text as it is. */
  readonly body: unknown;
}

/** What a vendor's API may do to the simulated world. */
export interface VendorWorld {
  /** Virtual time, epoch ms. */
  now(): number;
  /** Counts up: for ids of messages. */
  next(): number;
  /** The endpoint a credential or account belongs to. */
  identities(): readonly Identity[];
  /** A person got a message from an endpoint. */
  receive(message: Outbound & { readonly to: string; readonly identity: Identity }): void;
}
