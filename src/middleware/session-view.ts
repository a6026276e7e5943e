import { type ConversationRecord, withoutAuth } from './core/conversation.ts';
import { ownerOf } from './core/desk.ts';
import { type Duration, toMs } from './core/duration.ts';
import { type Explanation, explain } from './core/explain.ts';
import { type DialogFrame, retagged, touched } from './core/session.ts';
import { readVariable, type Variable } from './core/variables.ts';
import { change, type Draft, handOff, live, refusal, writable } from './draft.ts';
import { AdjournError } from './errors.ts';
import { readonlyView } from './readonly.ts';
import type { Dialog, HandoffTo, Session, SessionAuth, SessionTags, SessionVariables } from './turn.ts';
import { sealingContext, type Vault } from './vault.ts';

/** The session of a draft, as the bot sees it. */
export function sessionView<Data>(draft: Draft, vault: Vault): Session<Data> {
  return new DraftSession(draft, vault);
}

/** A class, and its parts made when they are asked for: a turn that only reads its data pays for nothing else. */
class DraftSession<Data> implements Session<Data> {
  readonly #draft: Draft;
  readonly #vault: Vault;
  #dialog: Dialog | undefined;
  #tags: SessionTags | undefined;
  #variables: SessionVariables | undefined;
  #auth: SessionAuth | undefined;

  constructor(draft: Draft, vault: Vault) {
    this.#draft = draft;
    this.#vault = vault;
  }

  get id() {
    return live(this.#draft).id;
  }

  get isNew() {
    const { id, turns } = live(this.#draft);
    return turns === 0 && !id.startsWith(degradedPrefix);
  }

  get startReason() {
    return live(this.#draft).startReason;
  }

  get previous() {
    return live(this.#draft).previous;
  }

  get startedAt() {
    return live(this.#draft).startedAt;
  }

  get lastActivityAt() {
    return live(this.#draft).lastActivityAt;
  }

  get turnCount() {
    return live(this.#draft).turns + (this.#draft.counts ? 1 : 0);
  }

  get interactive() {
    return live(this.#draft).interactive;
  }

  get developer() {
    return live(this.#draft).developer;
  }

  get data() {
    return shown(this.#draft, live(this.#draft).data) as Data;
  }

  set data(data: Data) {
    change(this.#draft, (session) => ({ ...session, data }));
  }

  get sentiment() {
    return live(this.#draft).sentiment;
  }

  set sentiment(sentiment: number | undefined) {
    change(this.#draft, ({ sentiment: _old, ...session }) => (sentiment === undefined ? session : { ...session, sentiment }));
  }

  get outcome() {
    return live(this.#draft).outcome;
  }

  set outcome(outcome: string | undefined) {
    change(this.#draft, ({ outcome: _old, ...session }) => (outcome === undefined ? session : { ...session, outcome }));
  }

  get dialog() {
    this.#dialog ??= dialogView(this.#draft);
    return this.#dialog;
  }

  get tags() {
    this.#tags ??= tagsView(this.#draft);
    return this.#tags;
  }

  get variables() {
    this.#variables ??= variablesView(this.#draft);
    return this.#variables;
  }

  get auth() {
    this.#auth ??= authView(this.#draft, this.#vault);
    return this.#auth;
  }

  get owner() {
    return ownerOf(live(this.#draft));
  }

  get agent() {
    return live(this.#draft).handover?.agent;
  }

  expireAfter(expiration: Duration | null) {
    const expiresAfterMs = expiration === null ? undefined : duration(this.#draft, 'expireAfter', expiration);
    change(this.#draft, ({ expiresAfterMs: _old, ...session }) =>
      expiresAfterMs === undefined ? session : { ...session, expiresAfterMs },
    );
  }

  touch() {
    const { now } = this.#draft;
    change(this.#draft, (session) => (session.interactive ? session : touched(session, now())));
  }

  close(options?: { readonly outcome?: string }) {
    change(this.#draft, (session) => (options?.outcome === undefined ? session : { ...session, outcome: options.outcome }));
    this.#draft.closing ??= { at: this.#draft.now(), reason: 'bot' };
  }

  handoff(desk: string, to?: HandoffTo) {
    handOff(this.#draft, desk, to);
  }

  explain(): Explanation {
    return explain(this.#draft.record.session, this.#draft.policy, this.#draft.now());
  }
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
      return shown(draft, live(draft).tags.current);
    },
    get historic() {
      return shown(draft, live(draft).tags.historic);
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

function shown<T>(draft: Draft, value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (draft.state === 'open') {
    if (draft.lent !== undefined && !draft.lent.has(value)) draft.lent.set(value, JSON.stringify(value));
    return value;
  }
  // What a turn leaves is frozen, and a view cannot guard frozen members: it shows a copy.
  const free = draft.state === 'ended' || Object.isFrozen(value) ? (JSON.parse(JSON.stringify(value)) as T) : value;
  return readonlyView(free, () => refusal(draft));
}

function duration(draft: Draft, setting: string, value: Duration): number {
  const ms = toMs(value);
  if (ms === undefined || (ms === 0 && setting === 'ttl')) {
    // A text may be the user's own.
    const shown = typeof value === 'number' ? value : `a ${typeof value} like this`;
    throw new AdjournError('ADJ_CONFIG_INVALID', `${setting}: ${shown} is not a duration.`, {
      where: draft.key,
      hint: "Minutes ≥ 0, '90s', '15m', '2h', '14d' or 'never'.",
    });
  }
  return ms;
}
