import type { Adapter, AdapterOptions } from '../middleware/adapter.ts';
import { attach } from '../middleware/attach.ts';
import { within } from '../middleware/clock.ts';
import type { Activity } from '../middleware/core/activity.ts';
import type { Sessions } from '../middleware/sessions.ts';
import type { Turn } from '../middleware/turn.ts';
import { actOf, isProactive, meansOf } from './support/azure-act.ts';
import { type AzureSendings, followHandoff, handoffIn } from './support/azure-handoff.ts';
import { nesting } from './support/azure-nesting.ts';
import { idOf, isKnown, originOf } from './support/azure-origin.ts';
import { channelIdOf } from './support/azure-place.ts';
import { hearSendings } from './support/azure-said.ts';
import {
  type AzureHost,
  type AzureSender,
  emptySuccess,
  isSending,
  referenceOf,
  replyBy,
  senderOf,
} from './support/azure-send.ts';
import { text } from './support/wire.ts';

export { signOut } from './support/azure-sign-out.ts';
export { type HostStorage, type SessionStorageOptions, sessionStorage } from './support/session-storage.ts';

/** A Bot Framework activity, as botbuilder and the Agents SDK show it: the members we read. */
export interface AzureActivity {
  readonly type?: string | undefined;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  /** `msteams`, `webchat`, `facebook` … */
  readonly channelId?: string | undefined;
  readonly serviceUrl?: string | undefined;
  readonly timestamp?: Date | string | undefined;
  readonly locale?: string | undefined;
  readonly from?: AzureAccount | undefined;
  readonly recipient?: AzureAccount | undefined;
  readonly conversation?: AzureConversation | undefined;
  readonly text?: string | undefined;
  readonly value?: unknown;
  readonly action?: string | undefined;
  readonly attachments?: readonly object[] | undefined;
  readonly entities?: readonly object[] | undefined;
  /** The channel's own event. On Slack it holds a live token, so it is never kept. */
  readonly channelData?: unknown;
}

export interface AzureAccount {
  readonly id?: string | undefined;
  readonly role?: string | undefined;
  readonly aadObjectId?: string | undefined;
}

export interface AzureConversation {
  readonly id: string;
  readonly isGroup?: boolean | undefined;
  readonly conversationType?: string | undefined;
  readonly tenantId?: string | undefined;
}

/**
 * Turns one activity into ours. What a user writes, taps or submits moves the clock; typing, edits, deletions, reactions, joins,
 * receipts, sign-in, a client's look-ups and what the bot began itself do not. The state of a hand-over (`handoff.status`) tells whether people
 * answer.
 * @param clicks names of the invokes and events that are the user's own act
 */
export function parseAzure(activity: AzureActivity, clicks: readonly string[] = clickNames): Activity[] {
  const type = text(activity, 'type');
  if (type === undefined) return [{ kind: 'unsupported', channel, type: 'unknown', reason: 'An activity without a type.' }];
  const origin = originOf(activity, type);
  const { user, conversation } = origin;
  if (isProactive(activity, type)) return [{ kind: 'lifecycle', ...origin, means: 'proactive' }];
  const handoff = conversation?.kind === 'direct' ? handoffIn(activity) : undefined;
  if (handoff !== undefined) return [{ kind: 'lifecycle', ...origin, id: idOf(activity), ...handoff }];
  if (!isKnown(type)) return [{ kind: 'unsupported', ...origin, reason: 'A type of activity that is not known here.' }];
  if (user === undefined || conversation === undefined) {
    return [
      type === 'message'
        ? { kind: 'unsupported', ...origin, reason: 'It names no sender or no conversation.' }
        : { kind: 'lifecycle', ...origin },
    ];
  }
  const act = actOf(activity, type, conversation, clicks);
  if (act !== undefined) return [{ ...origin, id: idOf(activity), ...act }];
  return [{ kind: 'lifecycle', ...origin, means: conversation.kind === 'direct' ? meansOf(activity, type) : undefined }];
}

/** Azure Bot Service: Teams, Web Chat, Direct Line and the networks it relays, on botbuilder and the Microsoft 365 Agents SDK. */
export const azure: Adapter<AzureActivity> = {
  name: 'azure',
  parse: (activity) => parseAzure(activity),
  capabilities: {
    redeliversFor: 24 * 3_600_000,
    relays: true,
    ackWithinMs: 15_000,
    batches: false,
    // None of its own: where a network behind it has one, sending knows.
    replyWindow: 0,
    idempotentSend: false,
    reservedWords: [],
  },
};

/**
 * Sessions for a bot on botbuilder or the Microsoft 365 Agents SDK: middleware for the adapter of either.
 *
 * ```ts
 * adapter.use(azureSessions(sessions, { endpoint: (activity) => (activity.channelId === 'msteams' ? 'teams' : 'web'), appId }));
 * agent.adapter.use(azureSessions(sessions));
 * ```
 * Mount it before what loads the bot's state. The bot calls `sessions.of(context)`; the turn ends when its logic has returned, and
 * what it throws goes to `onTurnError` as ever. The request is answered after the turn, 15 seconds after it came at the latest:
 * a busy conversation is waited for almost as long, then the turn runs beside the other one (`turn.exclusive` is false).
 * A turn the bot begins itself (`continueConversationAsync`) gets the live session, or none.
 * A turn that sends a `handoff.initiate` hands its session over, into the queue of the only desk there is.
 * What is sent outside of turns goes to where the person last wrote from; a text to Facebook or WhatsApp is refused (`window`) once their
 * 24 hours are over.
 * @throws AdjournError `ADJ_CONFIG_INVALID`
 */
export function azureSessions<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  { endpoint, clicks, appId, adapter, serviceHosts, ...settings }: AzureOptions<Endpoint> = {},
): AzureMiddleware {
  let latest = adapter;
  const nested = nesting();
  const chosen = new WeakMap<Activity, Endpoint | undefined>();
  const byActivity = typeof endpoint === 'function' ? (activity: Activity) => chosen.get(activity) : endpoint;
  const send = senderOf(() => latest, { appId, serviceHosts }, sessions.clock);
  const turns = attach(sessions, azure, { ...settings, endpoint: byActivity }, send);
  return {
    async onTurn(context, next) {
      if (isSending()) return next();
      latest = adapter ?? (context.adapter as AzureHost);
      const host = context.activity;
      const arrivedAt = sessions.clock.now();
      const activities = parseAzure(host, clicks);
      if (typeof endpoint === 'function') {
        const chosenEndpoint = endpoint({ ...host, channelId: channelIdOf(host) });
        for (const activity of activities) chosen.set(activity, chosenEndpoint);
      }
      const to = { ...referenceOf(host), writtenAt: arrivedAt };
      hearSendings(context, turns, activities[0]);
      let revoked = false;
      let taken: Turn | undefined;
      const succeed = async () => {
        if (host.type === 'invoke') await context.sendActivity(emptySuccess(host.name));
      };
      const { saved } = await turns.turn({
        activities,
        hosts: [context],
        host: context,
        to,
        reply: (message) =>
          revoked
            ? replyBy(send, { channel, endpoint: channel, to }, message, (said) => turns.said(said, activities[0]))
            : context.sendActivity(message as string | object),
        run: (turn) => {
          taken = turn;
          followHandoff(context, turn, turns.desk);
          return nested.during(turn, next);
        },
        pass: next,
        consumed: async (told) => {
          await succeed();
          if (told !== undefined) await context.sendActivity(told);
        },
        duplicate: succeed,
      });
      // The Agents SDK's long-running messages work on in a turn of their own, so that the request need not wait.
      const left = answerByMs - (sessions.clock.now() - arrivedAt);
      if (left > 0 && !nested.has(taken)) await within(sessions.clock, left, saved, () => {});
      revoked = true;
    },
  };
}

/** Fits `adapter.use()` of both SDKs. */
export interface AzureMiddleware {
  onTurn(context: AzureTurnContext, next: () => Promise<void>): Promise<void>;
}

/** The `TurnContext` of both SDKs. It is revoked when its turn is over, so nothing of it is kept. */
export interface AzureTurnContext extends AzureSender, AzureSendings {
  readonly activity: AzureActivity;
  readonly adapter: object;
}

/** Which endpoint `azureSessions` serves, and how it sends outside of turns. */
export interface AzureOptions<Endpoint extends string = string> extends Omit<AdapterOptions<Endpoint>, 'endpoint'> {
  /**
   * The endpoint's name, or a function of the activity, for one bot on many channels; undefined from it means "not ours".
   * Its `channelId` comes without the sub-channel that the Agents SDK adds: `msteams`, never `msteams:COPILOT`.
   * @default 'azure'
   */
  readonly endpoint?: NoInfer<Endpoint> | ((activity: AzureActivity) => NoInfer<Endpoint> | undefined) | undefined;
  /**
   * Names of the invokes and events that are the user's own act and move the clock: `task/submit`,
   * `composeExtension/submitAction`, `message/submitAction`, an event of the bot's own web page.
   * @default ['adaptiveCard/action']
   */
  readonly clicks?: readonly string[] | undefined;
  /** The bot's app id, for what is sent outside of turns. @default none, as for a bot without authentication */
  readonly appId?: string | undefined;
  /**
   * Sends outside of turns: closing messages, warnings, replies in `sessions.run`.
   * @default the adapter of the latest turn, so that nothing can be sent before the first one
   */
  readonly adapter?: AzureHost | undefined;
  /**
   * Hosts beside Microsoft's that a service URL may name for what is sent outside of turns, with their subdomains: a relay of one's own,
   * `127.0.0.1` for a simulator. A message to any other is refused (`service_url`), since the bot's token goes along. In a turn the SDK
   * itself has checked whom it answers.
   * @default [], Microsoft's alone: botframework.com and its like for governments, smba.trafficmanager.net, teams.microsoft.com and .us
   */
  readonly serviceHosts?: readonly string[] | undefined;
}

/**
 * Sends closing messages and the like from a process that gets no requests: it only runs the worker.
 *
 * ```ts
 * azureSender(sessions, { adapter: new CloudAdapter(authentication), appId });
 * ```
 * @throws AdjournError `ADJ_CONFIG_INVALID`, `ADJ_NO_ENDPOINT`
 */
export function azureSender<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  { adapter, appId, serviceHosts, ...settings }: AzureSenderOptions<Endpoint>,
): void {
  attach(
    sessions,
    azure,
    settings,
    senderOf(() => adapter, { appId, serviceHosts }, sessions.clock),
  );
}

/** What `azureSender` takes. */
export interface AzureSenderOptions<Endpoint extends string = string>
  extends AdapterOptions<Endpoint>,
    Pick<AzureOptions<Endpoint>, 'appId' | 'serviceHosts'> {
  readonly adapter: AzureHost;
}

const channel = 'azure';

const clickNames: readonly string[] = Object.freeze(['adaptiveCard/action']);

/** How long a request is held for a turn whose logic has returned, ms: half a second short of what the channels wait. */
const answerByMs = azure.capabilities.ackWithinMs - 500;
