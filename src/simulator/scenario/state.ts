import { isDeepStrictEqual } from 'node:util';
import type { ConversationRecord } from '../../middleware/core/conversation.ts';
import { type Owner, ownerOf } from '../../middleware/core/desk.ts';
import type { Explanation } from '../../middleware/core/explain.ts';
import { readVariable } from '../../middleware/core/variables.ts';
import type { ExpectedState } from './format.ts';
import { iso } from './lines.ts';
import { isMeant, type Mismatch } from './match.ts';

/** How a conversation stands, as `state` expectations see it. */
export interface ConversationState {
  readonly live: boolean;
  readonly session?: string;
  readonly turns?: number;
  readonly owner?: Owner;
  /** Whose conversation it is, while an agent owns it. */
  readonly agent?: string | undefined;
  /** ISO instant; null: it never expires. */
  readonly deadline?: string | null;
  readonly interactive?: boolean;
  readonly developer?: boolean;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly tags?: Readonly<Record<string, unknown>>;
}

/** @param record the stored record, @param why its explanation; both undefined for a conversation that never was. */
export function stateOf(record: ConversationRecord | undefined, why: Explanation | undefined, now: number): ConversationState {
  const names = Object.keys(record?.variables ?? {});
  const readable = names.map((name) => [name, readVariable(record?.variables ?? {}, name, now)] as const);
  const variables = Object.fromEntries(readable.filter(([, value]) => value !== undefined));
  const session = record?.session;
  if (session === undefined || why?.session === undefined) return { live: false, variables };
  const { deadline, expired } = why.session;
  return {
    live: !expired,
    session: session.id,
    turns: session.turns,
    owner: ownerOf(session),
    agent: session.handover?.agent,
    deadline: deadline === undefined ? null : iso(deadline),
    interactive: session.interactive,
    developer: session.developer,
    variables,
    tags: { ...session.tags },
  };
}

/** Compares the fields that the file names; of variables and tags the named ones, where `null` means absent. */
export function matchState(entry: ExpectedState, state: ConversationState, offset: number): Mismatch[] {
  const wrong = Object.entries(entry.fields).filter(([name, wanted]) => {
    const got = state[name as keyof ConversationState] ?? null;
    if (name === 'owner') return wanted !== got && wanted !== (state.agent ?? got);
    if (name !== 'variables' && name !== 'tags') return !isMeant(name, wanted, got, offset);
    const parts = Object.entries(typeof wanted === 'object' && wanted !== null ? wanted : {});
    const holder = (got ?? {}) as Readonly<Record<string, unknown>>;
    return parts.some(([part, value]) => !isDeepStrictEqual(value, Object.hasOwn(holder, part) ? holder[part] : null));
  });
  if (wrong.length === 0) return [];
  return [{ path: entry.path, expected: JSON.stringify(Object.fromEntries(wrong)), got: JSON.stringify(state) }];
}
