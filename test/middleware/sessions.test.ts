import { describe, expect, it } from 'vitest';
import { attach } from '../../src/middleware/attach.ts';
import type { EndpointSettings, OrganizationSettings } from '../../src/middleware/core/policy.ts';
import { sessionsOver } from '../../src/middleware/sessions.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { silent, toyBot } from './toy.ts';

const key = 'toy/main/ada';

describe('sessions.of', () => {
  it('finds the session of a host object, far and near', async () => {
    const bot = toyBot();
    const host = {};
    await bot.says(
      'a',
      async (turn) => {
        expect(bot.sessions.of(host)).toBe(turn.session);
        expect(bot.sessions.turn(host)).toBe(turn);
        await Promise.resolve();
        expect(bot.sessions.current()).toBe(turn);
      },
      { hosts: [host] },
    );
    expect(bot.sessions.current()).toBeUndefined();
  });

  it('says why there is none', async () => {
    const bot = toyBot();
    const receipt = {};
    await bot.deliver({ kind: 'lifecycle', type: 'read', channel: 'toy', user: 'ada' }, undefined, { hosts: [receipt] });
    expect(() => bot.sessions.of(receipt)).toThrow(/ADJ_NO_SESSION: A read is no activity of the user/);
    expect(() => bot.sessions.of({})).toThrow(/never passed/);
    expect(bot.sessions.turn(receipt)).toBeUndefined();
  });
});

describe('an activity without a session', () => {
  it.each([
    ['no user and no conversation', { conversation: undefined, user: undefined }],
    ['an id no vendor would send', { conversation: { id: 'x'.repeat(10_000), kind: 'direct' as const } }],
    ['a lone surrogate in the id', { conversation: { id: '\ud800', kind: 'direct' as const } }],
  ])('passes through: %s', async (_why, more) => {
    const bot = toyBot();
    await bot.deliver(bot.message('a', more));
    expect(bot.told).toEqual(['passed']);
    expect(bot.events).toEqual([]);
  });

  it('passes through: another account, an endpoint that is not ours', async () => {
    const bot = toyBot({ toy: { accounts: ['page-1'] } });
    await bot.deliver(bot.message('a', { account: 'page-2' }));
    const other = toyBot({ toy: { endpoint: () => undefined } });
    await other.deliver(other.message('a'));
    expect([...bot.told, ...other.told]).toEqual(['passed', 'passed']);
  });
});

describe('a group that the bot leaves', () => {
  const group = { id: 'g1', kind: 'shared' as const };
  const leave = { kind: 'lifecycle', type: 'leave', channel: 'toy', conversation: group, means: 'unreachable' } as const;

  it('ends every session in it, without a message', async () => {
    const bot = toyBot();
    for (const user of ['ada', 'bo']) await bot.deliver(bot.message('hi', { user, conversation: group }));
    await bot.deliver(bot.message('hi', { user: 'cy', conversation: { id: 'g2', kind: 'shared' } }));
    await bot.deliver(leave);
    expect(bot.events.flatMap((event) => (event.type === 'closed' ? [[event.key, event.reason]] : []))).toEqual([
      ['toy/main/g1/ada', 'user_command'],
      ['toy/main/g1/bo', 'user_command'],
    ]);
  });

  it('leaves no record of people who never talked', async () => {
    const store = keyvStore();
    await toyBot({ store }).deliver(leave);
    expect((await store.find({})).records).toEqual([]);
  });
});

describe('sessions.open', () => {
  const address = { channel: 'toy', endpoint: 'main', user: 'ada' };

  it('opens a non-interactive session that expires too, and returns a live one', async () => {
    const bot = toyBot();
    const first = await bot.sessions.open(address, { reason: 'order shipped' });
    expect(first.key).toBe(key);
    expect(await bot.sessions.open(address)).toEqual(first);
    await bot.clock.advance(30 * 60_000);
    expect((await bot.sessions.open(address)).id).not.toBe(first.id);
    expect(bot.events).toMatchObject([
      { type: 'opened', startReason: 'bot', reason: 'order shipped' },
      { type: 'closed', interactive: false, billable: false },
      { type: 'opened' },
    ]);
  });

  it('is joined by the user, who makes it interactive; touch moves the clock until then', async () => {
    const bot = toyBot();
    const { id } = await bot.sessions.open(address);
    await bot.clock.advance(29 * 60_000);
    await bot.sessions.run(key, async (turn) => turn.session.touch());
    await bot.clock.advance(29 * 60_000);
    await bot.says('hi', (turn) =>
      turn.reply(`${turn.session.id === id} ${turn.session.interactive} ${turn.session.startReason}`),
    );
    expect(bot.told).toEqual(['true true bot']);
  });

  it('refuses an address that names nobody', async () => {
    const bot = toyBot();
    await expect(bot.sessions.open({ channel: 'toy', endpoint: 'main' })).rejects.toMatchObject({ code: 'ADJ_CONFIG_INVALID' });
  });
});

describe('sessions.run', () => {
  it('works in the live session without moving its clock or counting', async () => {
    const bot = toyBot();
    await bot.says('a');
    await bot.clock.advance(20 * 60_000);
    await bot.sessions.run(key, async (turn) => {
      turn.session.data.count = 4;
    });
    await bot.clock.advance(9 * 60_000);
    await bot.says('b', (turn) => turn.reply(`#${turn.session.turnCount} ${turn.session.data.count}`));
    expect(bot.told).toEqual(['#1 a', '#2 4']);
  });

  it('joins the running turn of the same conversation', async () => {
    const bot = toyBot();
    await bot.says('a', (turn) => bot.sessions.run(turn.key, async (inner) => expect(inner).toBe(turn)));
  });

  it('has no session where none is live, and leaves no record behind', async () => {
    const store = keyvStore();
    const bot = toyBot({ store });
    await expect(bot.sessions.run(key, async (turn) => turn.session.id)).rejects.toMatchObject({ code: 'ADJ_NO_SESSION' });
    expect((await store.find({ keys: [key] })).records).toEqual([]);
  });

  it('drops what it changed when it throws', async () => {
    const bot = toyBot();
    await bot.says('a');
    const failed = bot.sessions.run(key, async (turn) => {
      turn.session.data.count = 4;
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    await bot.says('b', (turn) => turn.reply(`${turn.session.data.count}`));
    expect(bot.told.at(-1)).toBe('0');
  });

  it('cannot send without a sender', async () => {
    const bot = toyBot();
    await bot.says('a');
    await expect(bot.sessions.run(key, (turn) => turn.reply('x'))).rejects.toMatchObject({ code: 'ADJ_NO_SENDER' });
  });
});

describe('sessions.explain', () => {
  it('shows the effective value, every input, the cap and the next timer', async () => {
    const bot = toyBot({ endpoints: { main: { expiration: 45 } }, organization: { expiration: 20, maxExpiration: 40 } });
    await bot.says('a');
    expect(await bot.sessions.explain(key)).toMatchObject({
      effectiveMs: 40 * 60_000,
      level: 'endpoint',
      inputs: [
        { level: 'endpoint', ms: 45 * 60_000, wins: false },
        { level: 'organization', ms: 20 * 60_000, wins: false },
        { level: 'default', ms: 30 * 60_000, wins: false },
      ],
      cap: { ms: 40 * 60_000, from: 'organization.maxExpiration', applied: true },
      clock: 'user',
      timers: [{ what: 'expires', at: Date.parse('2026-11-02T10:40:00Z') }],
    });
  });

  it('names the warnings still to come, and the end whatever ends it', async () => {
    const warnings = [5, 1].map((before) => ({ before, message: 'soon' }));
    const bot = toyBot({ endpoints: { main: { closing: 'proactive', warnings, maxDuration: 40 } } });
    const timers = async () =>
      (await bot.sessions.explain(key)).timers.map(({ what, at }) => `${what} ${new Date(at).toISOString().slice(11, 16)}`);
    await bot.says('a');
    expect(await timers()).toEqual(['warns 10:25', 'warns 10:29', 'expires 10:30']);
    await bot.clock.advance(20 * 60_000);
    await bot.says('b');
    expect(await timers()).toEqual(['warns 10:35', 'warns 10:39', 'max_duration 10:40']);
    await bot.clock.advance(16 * 60_000);
    expect(await timers()).toEqual(['warns 10:39', 'max_duration 10:40']);
  });

  it('answers for a conversation without a session too', async () => {
    expect(await toyBot().sessions.explain(key)).toMatchObject({
      effectiveMs: 30 * 60_000,
      level: 'default',
      clock: 'nobody',
      timers: [],
    });
  });
});

describe('settings', () => {
  const make = (main: EndpointSettings, organization: OrganizationSettings = {}) =>
    sessionsOver(keyvStore(), { endpoints: { main }, organization, logger: silent });

  it.each([
    [{ expiration: -1 }, /endpoint main, expiration: -1/],
    [{ expiration: Number.NaN }, /endpoint main/],
    [{ expiration: '5 minutes' as never }, /"5 minutes" is not a duration/],
    [{ expiration: 20_161 }, /raise organization\.maxExpiration/],
    [{ commands: { discard: 'refresh' } }, /already stands for/],
  ])('that cannot work are refused with the place and the value: %j', (settings, message) => {
    expect(() => make(settings)).toThrow(
      expect.objectContaining({ code: 'ADJ_CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it('may be longer than two weeks where the organisation raises it', () => {
    expect(() => make({ expiration: '30d' }, { maxExpiration: '60d' })).not.toThrow();
    expect(() => make({ expiration: '30d' }, { maxExpiration: 'never' })).not.toThrow();
  });

  it('refuse the words that the carrier takes for itself, when the channel is mounted', () => {
    expect(() => toyBot({ endpoints: { main: { commands: { discard: ['forget', 'Stop'] } } } })).toThrow(
      /carrier takes the word "stop"/,
    );
  });

  it('stand in one place only, and name endpoints that exist', () => {
    expect(() => toyBot({ endpoints: { main: { expiration: 5 } }, toy: { expiration: 6 } })).toThrow(/two places/);
    expect(() => toyBot({ endpoints: { support: { expiration: 5 } } })).toThrow(/ADJ_NO_ENDPOINT: endpoint main/);
    expect(() => toyBot({ toy: { endpoint: () => 'main', expiration: 6 } })).toThrow(/fixed name/);
  });

  it('are logged in one line per endpoint, with the words taken and where the expiration comes from', () => {
    const lines: string[] = [];
    const sessions = sessionsOver(keyvStore(), {
      organization: { expiration: 10 },
      logger: { ...silent, info: (line) => lines.push(line) },
    });
    const { capabilities } = {
      capabilities: {
        redeliversFor: 0,
        ackWithinMs: 1_000,
        batches: false,
        replyWindow: 0,
        idempotentSend: false,
        reservedWords: [],
      },
    };
    attach(sessions, { name: 'toy', parse: () => [], capabilities }, {});
    expect(lines).toEqual([
      'adjourn: toy endpoint toy: expires after 10 min (organization); commands: "discard all", "discard", "refresh"',
    ]);
  });
});

describe('a listener that throws', () => {
  it('disturbs neither the turn nor the other listeners', async () => {
    const bot = toyBot();
    const seen: string[] = [];
    bot.sessions.on('opened', () => {
      throw new Error('listener');
    });
    bot.sessions.on('opened', (event) => seen.push(event.startReason));
    const stop = bot.sessions.on('*', (event) => seen.push(event.type));
    await bot.says('a');
    stop();
    await bot.says('refresh');
    expect(seen).toEqual(['first', 'opened', 'refresh']);
  });
});
