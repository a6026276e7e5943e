import { expect } from 'vitest';
import type { CommandActivity, CommandName, MessageActivity, PostbackActivity } from '../../src/middleware/core/activity.ts';
import type { ConversationRecord } from '../../src/middleware/core/conversation.ts';
import type { Arrived, ConversationEvent, Transition } from '../../src/middleware/core/happening.ts';
import {
  type ChannelFacts,
  type EndpointSettings,
  type OrganizationSettings,
  type Policy,
  resolvePolicy,
} from '../../src/middleware/core/policy.ts';
import type { SessionState } from '../../src/middleware/core/session.ts';
import { transition } from '../../src/middleware/core/transition.ts';

export const second = 1_000;
export const minute = 60_000;

/** `'10:29:59.999'` as epoch ms of the day all timelines happen on. */
export function at(time: string): number {
  const ms = Date.parse(`2026-11-02T${time.length === 5 ? `${time}:00` : time}Z`);
  if (Number.isNaN(ms)) throw new Error(`Not a time: ${time}`);
  return ms;
}

/** The policy of settings that have no problems. */
export function policyOf(
  endpoint: EndpointSettings = {},
  organization: OrganizationSettings = {},
  channel: Partial<ChannelFacts> = {},
): Policy {
  const { policy, problems } = resolvePolicy(endpoint, organization, { channel });
  expect(problems).toEqual([]);
  return policy;
}

const origin = { channel: 'line', type: 'message', user: 'ada', conversation: { id: 'ada', kind: 'direct' } } as const;

export function message(text: string | undefined, more: Partial<MessageActivity> = {}): MessageActivity {
  return { ...origin, kind: 'message', addressed: true, ...(text === undefined ? {} : { text }), ...more };
}

export function postback(payload: string, more: Partial<PostbackActivity> = {}): PostbackActivity {
  return { ...origin, kind: 'postback', payload, ...more };
}

export function control(command: CommandName, content = false): CommandActivity {
  return { ...origin, kind: 'command', command, content };
}

/** A deep copy nobody can write to, so that whatever touches it throws. */
export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  const copy = Array.isArray(value)
    ? value.map(frozen)
    : Object.fromEntries(Object.entries(value).map(([name, one]) => [name, frozen(one)]));
  return Object.freeze(copy) as T;
}

/** One conversation, played by hand. Every input of the core is frozen, and every answer is asked for twice. */
export function conversation(policy: Policy = policyOf()) {
  let record: ConversationRecord | null = null;
  let sessions = 0;
  const step = (event: ConversationEvent, now: number, under: Policy = policy): Transition => {
    const result = transition(frozen(record), frozen(event), frozen(under), now);
    expect(transition(frozen(record), frozen(event), frozen(under), now)).toEqual(result);
    record = result.record;
    return result;
  };
  return {
    get record(): ConversationRecord {
      if (record === null) throw new Error('Nothing has happened yet.');
      return record;
    },
    get session(): SessionState {
      if (record?.session === undefined) throw new Error('No session is live.');
      return record.session;
    },
    step,
    /** An activity arrives now, or where it waited, earlier. */
    arrives(
      time: string,
      activity: Arrived['activity'],
      more: Partial<Omit<Arrived, 'type' | 'activity'>> = {},
      under: Policy = policy,
    ) {
      const now = at(time);
      const fresh = { id: `s${++sessions}`, data: {} };
      return step({ type: 'arrived', activity, arrivedAt: now, fresh, ...more }, now, under);
    },
    /** The handler of a turn returns. */
    returns(time: string, counts = true) {
      return step({ type: 'returned', counts }, at(time));
    },
    /** What a handler does to its record. */
    changes(change: (record: ConversationRecord) => ConversationRecord) {
      record = change(this.record);
    },
    changesSession(change: Partial<SessionState>) {
      record = { ...this.record, session: { ...this.session, ...change } };
    },
  };
}
