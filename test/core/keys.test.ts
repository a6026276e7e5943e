import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Activity,
  type Conversation,
  isKey,
  isSystemKey,
  keyOf,
  partsOf,
  type Scope,
  systemKey,
} from '../../src/middleware/core/activity.ts';

const inPlace = (conversation: Conversation | undefined, user?: string): Activity => ({
  kind: 'message',
  channel: 'slack',
  type: 'message',
  addressed: true,
  ...(conversation ? { conversation } : {}),
  ...(user === undefined ? {} : { user }),
});
const key = (conversation: Conversation | undefined, user?: string, scope: Scope = 'user') =>
  keyOf(inPlace(conversation, user), 'support', scope);

const channel: Conversation = { id: 'C1', kind: 'shared' };
const thread: Conversation = { ...channel, thread: '17.1' };
const root: Conversation = { ...channel, root: '17.1' };

describe('who shares a session', () => {
  test.each<[string, Conversation | undefined, string | undefined, Record<Scope, string | undefined>]>([
    [
      'a direct conversation',
      { id: 'D1', kind: 'direct' },
      'U1',
      { user: 'slack/support/D1', thread: 'slack/support/D1', conversation: 'slack/support/D1' },
    ],
    ['a channel', channel, 'U1', { user: 'slack/support/C1/U1', thread: 'slack/support/C1', conversation: 'slack/support/C1' }],
    [
      'a thread',
      thread,
      'U1',
      { user: 'slack/support/C1%3A17.1/U1', thread: 'slack/support/C1%3A17.1', conversation: 'slack/support/C1' },
    ],
    [
      'the post a thread begins with',
      root,
      'U1',
      { user: 'slack/support/C1/U1', thread: 'slack/support/C1%3A17.1', conversation: 'slack/support/C1' },
    ],
    [
      'a channel without a user',
      channel,
      undefined,
      { user: 'slack/support/C1', thread: 'slack/support/C1', conversation: 'slack/support/C1' },
    ],
    [
      'a user without a conversation',
      undefined,
      'U1',
      { user: 'slack/support/U1', thread: 'slack/support/U1', conversation: 'slack/support/U1' },
    ],
    ['neither', undefined, undefined, { user: undefined, thread: undefined, conversation: undefined }],
  ])('%s', (_, conversation, user, keys) => {
    for (const scope of ['user', 'thread', 'conversation'] as const)
      expect(key(conversation, user, scope), scope).toBe(keys[scope]);
  });

  test('a direct conversation is the same with and without its id, where it is the user’s', () => {
    expect(key({ id: 'U1', kind: 'direct' }, 'U1')).toBe(key(undefined, 'U1'));
  });
});

describe('parts', () => {
  const id = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((one) => one.isWellFormed());

  test('come back as they were, whatever characters they hold', () => {
    fc.assert(
      fc.property(id, id, id, (endpoint, conversation, user) => {
        const whole = keyOf(inPlace({ id: conversation, kind: 'shared' }, user), endpoint, 'user');
        expect(whole?.split('/')).toHaveLength(4);
        expect(partsOf(whole ?? '')).toEqual({ channel: 'slack', endpoint, conversation, user });
      }),
    );
  });

  test('without a user there is none', () => {
    expect(partsOf('slack/support/C1')).toEqual({ channel: 'slack', endpoint: 'support', conversation: 'C1' });
  });

  test('different people in different places never share a key', () => {
    fc.assert(
      fc.property(id, id, id, id, (place1, user1, place2, user2) => {
        fc.pre(place1 !== place2 || user1 !== user2);
        expect(key({ id: place1, kind: 'shared' }, user1)).not.toBe(key({ id: place2, kind: 'shared' }, user2));
      }),
    );
  });
});

describe('a text is a key', () => {
  test('where it is one that keyOf makes', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((one) => one.isWellFormed());
    fc.assert(
      fc.property(part, part, part, part, (channel, endpoint, id, user) => {
        for (const kind of ['direct', 'shared'] as const) {
          const whole = keyOf({ ...inPlace({ id, kind }, user), channel }, endpoint, 'user') ?? '';
          expect(isKey(whole)).toBe(true);
          expect(isKey(encodeURIComponent(whole))).toBe(false);
        }
        expect(isKey(systemKey(channel)) || isKey(systemKey(channel, id))).toBe(false);
      }),
    );
  });

  test('and of whatever is one, keyOf makes the same again', () => {
    const some = fc.constantFrom('a', '~', 'a~', '.', '%2F', '%25', '%00', '%7E', '%7Ea', '%61', '%', 'é', '%C3%A9');
    fc.assert(
      fc.property(fc.array(some, { minLength: 3, maxLength: 4 }), (parts) => {
        const text = parts.join('/');
        fc.pre(isKey(text));
        const { channel, endpoint, conversation: id, user } = partsOf(text);
        expect(keyOf({ ...inPlace({ id, kind: 'shared' }, user), channel }, endpoint, 'user')).toBe(text);
      }),
    );
  });

  test.each([
    '',
    'a/b',
    'a//b',
    '/a/b/c',
    'a/b/c/d/e',
    '~a/b/c',
    'a/b/%',
    'a/b/%ff',
    'a/b/%61',
    'a/b/c d',
    'a/b/\0',
    'a/b/%2f',
    'a/b/\ud800',
  ])('not %o', (text) => expect(isKey(text)).toBe(false));
});

describe('hostile ids name no record', () => {
  test.each(['', '\ud800', 'a\udfff', 'x'.repeat(513), 'x'.repeat(1_000_000)])('%o', (bad) => {
    expect(key({ id: bad, kind: 'direct' })).toBeUndefined();
    expect(key({ id: bad, kind: 'shared' }, 'U1')).toBeUndefined();
    expect(key(channel, bad)).toBeUndefined();
    expect(key(undefined, bad)).toBeUndefined();
    expect(key({ ...channel, thread: bad }, 'U1')).toBeUndefined();
  });

  test('odd ones do, and break out of nothing', () => {
    expect(key({ id: '../../etc', kind: 'direct' })).toBe('slack/support/..%2F..%2Fetc');
    expect(key({ id: '__proto__', kind: 'direct' })).toBe('slack/support/__proto__');
    expect(key({ id: 'x'.repeat(512), kind: 'direct' })).toHaveLength('slack/support/'.length + 512);
  });
});

describe('system records', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((one) => one.isWellFormed());

  test('have keys that no conversation has, whatever its channel is called', () => {
    expect([systemKey('settings'), systemKey('desk', 'a/b c')]).toEqual(['~settings', '~desk/a%2Fb%20c']);
    fc.assert(
      fc.property(text, text, text, (name, endpoint, id) => {
        for (const channel of [name, `~${name}`, '~settings', '~']) {
          const whole = keyOf({ ...inPlace({ id, kind: 'direct' }), channel }, endpoint, 'user') ?? '~';
          expect(isSystemKey(whole)).toBe(false);
          expect(partsOf(whole)).toEqual({ channel, endpoint, conversation: id });
        }
        expect(isSystemKey(systemKey(name)) && isSystemKey(systemKey(name, id))).toBe(true);
      }),
    );
  });
});
