import type { Clock } from './clock.ts';
import { type ConversationRecord, withoutAuth } from './core/conversation.ts';
import { type Duration, toMs } from './core/duration.ts';
import { type Explanation, explain } from './core/explain.ts';
import type { Policy } from './core/policy.ts';
import { type DialogFrame, retagged, type SessionState, touched } from './core/session.ts';
import { readVariable, type Variable } from './core/variables.ts';
import { AdjournError } from './errors.ts';
import type { Job } from './job.ts';
import { readonlyView } from './readonly.ts';
import type { Dialog, Session, SessionAuth, SessionTags, SessionVariables } from './turn.ts';
import { sealingContext, type Vault } from './vault.ts';

/** The record a turn works on, and whether it may still be changed. */
export interface Draft {
  record: ConversationRecord;
  readonly policy: Policy;
  /** For error messages: which conversation this is. */
  readonly key: string;
  /** Whether the present turn counts in `turnCount`. */
  readonly counts: boolean;
  readonly now: () => number;
  /** `open`: changes are saved with the turn. `shared`: only by `turn.update`. `closing`: auth profiles may be cleared. `ended`: not any more. */
  state: 'open' | 'shared' | 'closing' | 'ended';
  /** Set by `session.close()`: the session ends with the turn. */
  closing: { readonly at: number } | undefined;
}

/** The draft that hooks of a close work on. */
export function closedDraft(
  job: Pick<Job, 'key' | 'policy'>,
  record: ConversationRecord,
  { clock }: { readonly clock: Clock },
): Draft {
  return {
    record,
    policy: job.policy,
    key: job.key,
    counts: false,
    now: () => clock.now(),
    state: 'closing',
    closing: undefined,
  };
}

/** The session of a draft, as the bot sees it. */
export function sessionView<Data>(draft: Draft, vault: Vault): Session<Data> {
  return {
    get id() {
      return live(draft).id;
    },
    get isNew() {
      return live(draft).turns === 0 && !draft.record.session?.id.startsWith(degradedPrefix);
    },
    get startReason() {
      return live(draft).startReason;
    },
    get previous() {
      return live(draft).previous;
    },
    get startedAt() {
      return live(draft).startedAt;
    },
    get lastActivityAt() {
      return live(draft).lastActivityAt;
    },
    get turnCount() {
      return live(draft).turns + (draft.counts ? 1 : 0);
    },
    get interactive() {
      return live(draft).interactive;
    },
    get developer() {
      return live(draft).developer;
    },
    get data() {
      return shown(draft, live(draft).data) as Data;
    },
    set data(data) {
      change(draft, (session) => ({ ...session, data }));
    },
    get sentiment() {
      return live(draft).sentiment;
    },
    set sentiment(sentiment) {
      change(draft, ({ sentiment: _old, ...session }) => (sentiment === undefined ? session : { ...session, sentiment }));
    },
    get outcome() {
      return live(draft).outcome;
    },
    set outcome(outcome) {
      change(draft, ({ outcome: _old, ...session }) => (outcome === undefined ? session : { ...session, outcome }));
    },
    dialog: dialogView(draft),
    tags: tagsView(draft),
    variables: variablesView(draft),
    auth: authView(draft, vault),
    expireAfter(expiration) {
      const expiresAfterMs = expiration === null ? undefined : duration(draft, 'expireAfter', expiration);
      change(draft, ({ expiresAfterMs: _old, ...session }) =>
        expiresAfterMs === undefined ? session : { ...session, expiresAfterMs },
      );
    },
    touch() {
      change(draft, (session) => (session.interactive ? session : touched(session, draft.now())));
    },
    close(options) {
      change(draft, (session) => (options?.outcome === undefined ? session : { ...session, outcome: options.outcome }));
      draft.closing ??= { at: draft.now() };
    },
    explain: (): Explanation => explain(draft.record.session, draft.policy, draft.now()),
  };
}

/** Ids of throw-away sessions, while the store is out, start so. */
export const degradedPrefix = 'degraded:';

function dialogView(draft: Draft): Dialog {
  const replace = (next: (stack: readonly DialogFrame[]) => readonly DialogFrame[]) =>
    change(draft, (session) => ({ ...session, dialog: next(session.dialog) }));
  return {
    get stack() {
      return shown(draft, live(draft).dialog);
    },
    get current() {
      return shown(draft, live(draft).dialog.at(-1));
    },
    get discards() {
      return live(draft).discards ?? 0;
    },
    push: (id, state) => replace((stack) => [...stack, state === undefined ? { id } : { id, state }]),
    set: (state) => replace((stack) => stack.map((frame, depth) => (depth === stack.length - 1 ? { ...frame, state } : frame))),
    pop() {
      const popped = live(draft).dialog.at(-1);
      replace((stack) => stack.slice(0, -1));
      return popped;
    },
    clear: () => replace(() => []),
  };
}

function tagsView(draft: Draft): SessionTags {
  return {
    get current() {
      return live(draft).tags.current;
    },
    get historic() {
      return live(draft).tags.historic;
    },
    set: (current) => change(draft, (session) => ({ ...session, tags: retagged(session.tags, [...current]) })),
  };
}

function variablesView(draft: Draft): SessionVariables {
  const replace = (entries: (readonly [string, Variable])[]) => {
    writable(draft);
    draft.record = { ...draft.record, variables: Object.fromEntries(entries) };
  };
  const others = (name: string) => Object.entries(draft.record.variables).filter(([one]) => one !== name);
  return {
    get: (name) => shown(draft, readVariable(draft.record.variables, name, draft.now())),
    set(name, value, options = {}) {
      const { ttl, scope = 'session', profile } = options;
      const lasts = ttl === undefined ? {} : { until: draft.now() + duration(draft, 'ttl', ttl) };
      replace([...others(name), [name, { value, scope, ...lasts, ...(profile === undefined ? {} : { profile }) }]]);
    },
    delete: (name) => replace(others(name)),
    names: () =>
      Object.keys(draft.record.variables).filter((name) => readVariable(draft.record.variables, name, draft.now()) !== undefined),
  };
}

function authView(draft: Draft, vault: Vault): SessionAuth {
  const replace = (auth: ConversationRecord['auth']) => {
    writable(draft);
    draft.record = { ...draft.record, auth };
  };
  return {
    set: (profile, tokens) =>
      replace(
        Object.fromEntries([
          ...Object.entries(draft.record.auth),
          [profile, vault.seal(tokens, sealingContext(draft.key, profile))],
        ]),
      ),
    get: (profile) =>
      Object.hasOwn(draft.record.auth, profile)
        ? shown(draft, vault.open(draft.record.auth[profile], sealingContext(draft.key, profile)))
        : undefined,
    profiles: () => Object.keys(draft.record.auth),
    clearAuthProfile(profile) {
      if (draft.state !== 'closing') writable(draft);
      draft.record = withoutAuth(draft.record, profile);
    },
    clearAllAuthProfiles() {
      for (const profile of Object.keys(draft.record.auth)) this.clearAuthProfile(profile);
    },
  };
}

function live(draft: Draft): SessionState {
  if (draft.record.session === undefined) {
    throw new AdjournError('ADJ_NO_SESSION', 'No session is live in this conversation.', { where: draft.key });
  }
  return draft.record.session;
}

function change(draft: Draft, next: (session: SessionState) => SessionState): void {
  writable(draft);
  draft.record = { ...draft.record, session: next(live(draft)) };
}

function shown<T>(draft: Draft, value: T): T {
  if (draft.state === 'open' || typeof value !== 'object' || value === null) return value;
  // What a turn leaves is frozen, and a view cannot guard frozen members: it shows a copy.
  const free = draft.state === 'ended' ? (JSON.parse(JSON.stringify(value)) as T) : value;
  return readonlyView(free, () => refusal(draft));
}

function writable(draft: Draft): void {
  if (draft.state !== 'open') throw refusal(draft);
}

function refusal(draft: Draft): AdjournError {
  return draft.state === 'shared'
    ? new AdjournError('ADJ_TURN_SHARED', 'Another turn of this conversation holds the session.', {
        where: draft.key,
        hint: 'Change it by turn.update(session => …).',
      })
    : new AdjournError('ADJ_TURN_ENDED', 'The turn is over; this change would be lost.', {
        where: draft.key,
        hint: 'Await the work inside the handler, or give it to turn.waitUntil(promise).',
      });
}

function duration(draft: Draft, setting: string, value: Duration): number {
  const ms = toMs(value);
  if (ms === undefined || (ms === 0 && setting === 'ttl')) {
    throw new AdjournError('ADJ_CONFIG_INVALID', `${setting}: ${JSON.stringify(value) ?? String(value)} is not a duration.`, {
      where: draft.key,
      hint: "Minutes ≥ 0, '90s', '15m', '2h', '14d' or 'never'.",
    });
  }
  return ms;
}
