import { describe, expect, test } from 'vitest';
import type { Activity } from '../../src/middleware/core/activity.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { deskBot, handsOff, keyOf, textOf } from './desk-bot.ts';
import { mortal } from './mortal.ts';
import { adaKey, gate, timeOf, toyBot } from './toy.ts';

/** Ada's conversation is with A since 10:00. */
async function owned(options: Parameters<typeof deskBot>[0] = {}) {
  const bot = await deskBot(options);
  await bot.says('help', handsOff);
  await bot.rest();
  bot.told.length = 0;
  bot.events.length = 0;
  return bot;
}

const control = (command: string, content = false) => ({ kind: 'command', command, content, text: undefined }) as never;

describe('while people own the session, the desk gets what customers write and the bot does not', () => {
  test('and the channel gets its empty answer', async () => {
    const bot = await owned();
    expect(await bot.says('hello?')).toMatchObject({ verdict: 'consume' });
    expect(bot.heard).toEqual(['hello?']);
    expect(bot.told).toEqual(['consumed: undefined']);
    expect(bot.eventsOf('customer_wrote')).toMatchObject([{ agent: 'A', key: adaKey }]);
  });

  test('in a turn like any other: its data is saved, and it counts as none of the bot’s', async () => {
    const bot = await owned({
      settings: { maxTurns: 2 },
      desk: {
        onMessage: (turn) => {
          turn.session.data.count += 1;
          return turn.reply(`${turn.session.owner} ${turn.session.agent} ${turn.session.turnCount} ${turn.session.data.count}`);
        },
      },
    });
    for (const text of ['a', 'b', 'c']) await bot.says(text);
    expect(bot.told.filter((one) => one.startsWith('agent'))).toEqual(['agent A 1 1', 'agent A 1 2', 'agent A 1 3']);
    await bot.desk.returnToBot(adaKey);
    await bot.says('d');
    expect(bot.told.at(-1)).toBe('#2 d');
  });

  test('also in the queue', async () => {
    const bot = await owned({ away: ['A', 'B', 'C'] });
    await bot.says('hello?');
    expect(bot.heard).toEqual(['hello?']);
    expect(bot.eventsOf('customer_wrote')[0]).not.toHaveProperty('agent');
  });

  test('also where nobody listens', async () => {
    const bot = await owned({ desk: { onMessage: undefined } });
    expect(await bot.says('hello?')).toMatchObject({ verdict: 'consume' });
    expect(bot.told).toEqual(['consumed: undefined']);
  });

  test('also beside another turn, where the vendor cannot wait', async () => {
    const busy = gate();
    const bot = await owned({
      desk: {
        onMessage(turn) {
          bot.heard.push(`${textOf(turn)} ${turn.exclusive}`);
          return busy.promise;
        },
      },
    });
    const first = bot.says('one');
    await bot.clock.advance(0);
    const second = bot.says('two', undefined, { waitMs: 0 });
    await bot.clock.advance(0);
    expect(bot.heard).toEqual(['one true', 'two false']);
    expect(bot.told).toEqual([]);
    busy.resolve();
    await Promise.all([first, second]);
    await bot.rest();
    expect(bot.told).toEqual(['consumed: undefined', 'consumed: undefined']);
    expect(bot.eventsOf('customer_wrote')).toHaveLength(2);
    expect(await bot.says('two', undefined)).toMatchObject({ verdict: 'consume' });
  });

  test('in the plain form of a batch: what is theirs leaves the request', async () => {
    const bot = await owned();
    const mine = bot.delivery([bot.message('for people'), bot.message('more')], () => {});
    const bobs = bot.message('for the bot', { user: 'bob', conversation: { id: 'bob', kind: 'direct' } });
    const outcome = await bot.channel.batch([mine, bot.delivery([bobs], () => {})], async (turns) => {
      bot.told.push(turns.map(({ activities, activity }) => `${activities.length} of ${activity.user}`).join());
    });
    expect(outcome.verdict).toBe('run');
    expect(bot.told).toEqual(['consumed: undefined', 'consumed: undefined', '1 of bob']);
    expect(bot.heard).toEqual(['more']);
    const only = [bot.delivery([bot.message('again')], () => {})];
    expect(await bot.channel.batch(only, async () => bot.told.push('ran'))).toMatchObject({ verdict: 'consume' });
    expect(bot.told).not.toContain('ran');
  });

  test('a post that arrives twice is theirs once', async () => {
    const bot = await owned();
    await bot.deliver(bot.message('hey', { id: 'e1', post: 'p1' }));
    await bot.deliver(bot.message('hey', { id: 'e2', post: 'p1' }));
    expect(bot.heard).toEqual(['hey']);
    expect(bot.told).toEqual(['consumed: undefined', 'duplicate']);
    expect(bot.eventsOf('duplicate')).toEqual([]);
  });

  test('a duplicate is dropped', async () => {
    const bot = await owned();
    const hello = bot.message('hello?');
    await bot.deliver(hello);
    expect(await bot.deliver(hello)).toMatchObject({ verdict: 'drop' });
    expect(bot.heard).toEqual(['hello?']);
    expect(bot.eventsOf('duplicate')).toHaveLength(1);
  });

  test('what was acknowledged and left behind by a crash is theirs', async () => {
    const store = keyvStore();
    const first = mortal(store);
    const settings = { inbox: 'durable' as const };
    const bot = await owned({ store: first.store, settings, desk: { onMessage: () => gate().promise } });
    const hello = bot.message('hello?');
    const accepted = gate();
    void bot.deliver(hello, undefined, { keep: hello, accepted: accepted.resolve });
    await accepted.promise;
    first.grant(0);
    await first.lapse();

    const heir = await deskBot({ store, settings, clock: bot.clock });
    heir.channel.replays((kept) => heir.delivery([kept as Activity], () => heir.told.push('the bot ran')));
    await heir.clock.advance(62_000);
    expect(heir.heard).toEqual(['hello?']);
    expect(heir.told).toEqual(['consumed: undefined']);
  });
});

describe('commands', () => {
  test.each<[string, Partial<Activity>]>([
    ['in words', { text: 'discard' }],
    ['all in words', { text: 'Discard All' }],
    ['as a button', { kind: 'postback', payload: 'DISCARD_ALL', text: undefined } as never],
    ['as a slash command', control('discard')],
  ])('discard %s is a word to people', async (_what, activity) => {
    const bot = await owned({ settings: { discardEndsSession: true } });
    await bot.deliver(bot.message('', activity));
    expect(bot.heard).toHaveLength(1);
    expect(bot.told).toEqual(['consumed: undefined']);
    expect(bot.names()).toEqual(['customer_wrote']);
    expect((await bot.sessions.explain(adaKey)).owner).toBe('agent');
  });

  test('refresh ends it: the next message is the bot’s', async () => {
    const bot = await owned();
    await bot.says('refresh');
    expect(bot.heard).toEqual([]);
    expect(bot.told).toEqual(['consumed: Refreshed.']);
    await bot.rest();
    expect(bot.names()).toEqual(['command', 'handed_back', 'closed', 'opened']);
    expect(await bot.closes()).toMatchObject([{ reason: 'refresh', agent: 'A', message: 'off' }]);
    expect(await bot.loads()).toEqual([0, 0, 0]);
    await bot.says('hi');
    expect(bot.told.at(-1)).toBe('#1 hi');
  });

  test('refresh with content: the content is the bot’s', async () => {
    const bot = await owned();
    await bot.deliver(bot.message('', control('refresh', true)));
    expect(bot.heard).toEqual([]);
    expect(bot.told).toEqual(['#1 command']);
    expect(bot.names().slice(0, 4)).toEqual(['command', 'handed_back', 'closed', 'opened']);
  });

  test('in one request with something else, refresh comes first', async () => {
    const bot = await owned();
    await bot.channel.turn(bot.delivery([bot.message('hi'), bot.message('refresh')], (turn) => turn.reply(textOf(turn))));
    expect(bot.heard).toEqual([]);
    expect(bot.told).toEqual(['hi', 'consumed: Refreshed.']);
  });

  test('once the time of the session is over they are commands again', async () => {
    const bot = await owned({ agents: {}, settings: { closing: 'lazy' }, worker: false });
    await bot.until('10:30:00');
    await bot.says('discard');
    expect(bot.told).toEqual(['consumed: Discarded.']);
    expect(bot.names()).toEqual(['handed_back', 'closed', 'command']);
    expect((await bot.sessions.explain(adaKey)).clock).toBe('nobody');
  });
});

describe('onMessage that fails', () => {
  test('the vendor hears of it; a redelivery runs it again, and the customer waits since the first time', async () => {
    let broken = true;
    const bot = await owned({
      desk: {
        onMessage(turn) {
          bot.heard.push(textOf(turn));
          turn.session.data.count += 1;
          if (broken) throw new Error('the desk is out');
        },
      },
    });
    await bot.desk.agentReplied(adaKey, 'A');
    await bot.until('10:05:00');
    const hello = bot.message('hello?');
    await expect(bot.deliver(hello)).rejects.toThrow('the desk is out');
    expect(bot.told).toEqual([]);
    await bot.until('10:06:00');
    broken = false;
    await bot.deliver(hello);
    expect(bot.heard).toEqual(['hello?', 'hello?']);
    expect(bot.told).toEqual(['consumed: undefined']);
    const { timers } = await bot.sessions.explain(adaKey);
    expect(timers).toContainEqual({ what: 'overdue', at: Date.parse('2026-11-02T10:35:00Z') });
    await bot.sessions.run(adaKey, async ({ session }) => expect(session.data.count).toBe(1));
  });

  test('beside another turn, too', async () => {
    const busy = gate();
    let first = true;
    const bot = await owned({
      desk: {
        async onMessage() {
          if (!first) throw new Error('the desk is out');
          first = false;
          await busy.promise;
        },
      },
    });
    const one = bot.says('one');
    await bot.clock.advance(0);
    const two = bot.message('two');
    await expect(bot.deliver(two, undefined, { waitMs: 0 })).rejects.toThrow('the desk is out');
    busy.resolve();
    await one;
    await bot.rest();
    expect(bot.told).toEqual(['consumed: undefined']);
    await expect(bot.deliver(two)).rejects.toThrow('the desk is out');
  });

  test('a process that does not know the desk leaves the message to one that does', async () => {
    const store = keyvStore();
    const bot = await owned({ store });
    const other = toyBot({ store, clock: bot.clock, worker: false });
    const hello = bot.message('hello?');
    await expect(other.deliver(hello)).rejects.toMatchObject({ code: 'ADJ_NO_DESK' });
    await bot.deliver(hello);
    expect(bot.heard).toEqual(['hello?']);
  });
});

describe('a hand-over that the turn does not keep', () => {
  const failing = async (bot: Awaited<ReturnType<typeof deskBot>>, work: () => unknown) => {
    const run = bot.says('help', async (turn) => {
      handsOff(turn);
      await work();
      throw new Error('the bot is out');
    });
    await expect(run).rejects.toThrow('the bot is out');
    await bot.rest();
  };

  test('goes with it, seat and all', async () => {
    const bot = await deskBot();
    await failing(bot, () => bot.desk.assign(adaKey, 'B'));
    expect(bot.names()).toEqual(['opened']);
    expect(await bot.loads()).toEqual([0, 0, 0]);
    expect(await bot.desk.conversations()).toEqual([]);
    expect((await bot.sessions.explain(adaKey)).owner).toBe('bot');
  });

  test('stays where changes of a failed handler stay', async () => {
    const bot = await deskBot({ settings: { onError: 'keep' } });
    await failing(bot, () => bot.desk.assign(adaKey, 'B'));
    expect(bot.names()).toEqual(['opened', 'handed_off', 'assigned']);
    expect(await bot.loads()).toEqual([0, 1, 0]);
    expect((await bot.sessions.explain(adaKey)).owner).toBe('agent');
  });
});

describe('in a turn beside another one', () => {
  /** Runs `work` in a turn of Ada's that runs beside another one. */
  async function beside(work: (bot: Awaited<ReturnType<typeof deskBot>>, turn: Parameters<typeof handsOff>[0]) => unknown) {
    const bot = await deskBot();
    const busy = gate();
    const first = bot.says('one', () => busy.promise);
    await bot.says('two', (turn) => work(bot, turn), { waitMs: 0 });
    busy.resolve();
    await first;
    await bot.rest();
    return bot;
  }

  test('a hand-over by turn.update happens when the lease comes', async () => {
    const bot = await beside((_bot, turn) => {
      expect(() => turn.session.handoff('support')).toThrow(/^ADJ_TURN_SHARED/);
      turn.update((session) => session.handoff('support'));
    });
    expect(bot.story().map((line) => line.split(' ')[1])).toEqual(['handed_off', 'assigned']);
    await bot.says('three');
    expect(bot.heard).toEqual(['three']);
    await bot.desk.returnToBot(adaKey);
    await bot.says('four');
    expect(bot.told.at(-1)).toBe('#3 four');
  });

  test('a desk changes nothing, and sends nothing', async () => {
    const bot = await beside(async ({ desk, vendor }) => {
      const shared = { code: 'ADJ_TURN_SHARED' };
      await expect(desk.reply(adaKey, { agent: 'A', message: 'hi' })).rejects.toMatchObject(shared);
      await expect(desk.assign(adaKey, 'A')).rejects.toMatchObject(shared);
      await expect(desk.close(adaKey)).rejects.toMatchObject(shared);
      await expect(desk.handoff(adaKey)).rejects.toMatchObject(shared);
      expect(vendor.asked).toEqual([]);
    });
    expect(bot.names()).toEqual(['opened']);
    expect(await bot.loads()).toEqual([0, 0, 0]);
  });

  test('what the bot had already is not told as the desk’s', async () => {
    const bot = await deskBot();
    const busy = gate();
    const first = bot.says('one', (turn) => {
      handsOff(turn);
      return busy.promise;
    });
    await bot.says('two', undefined, { waitMs: 0 });
    busy.resolve();
    await first;
    await bot.rest();
    expect(bot.told).toEqual(['#1 two']);
    expect(bot.heard).toEqual([]);
    expect(bot.eventsOf('customer_wrote')).toEqual([]);
    await bot.desk.returnToBot(adaKey);
    await bot.says('three');
    expect(bot.told.at(-1)).toBe('#3 three');
  });
});

describe('whose clock runs', () => {
  const ends = async (bot: Awaited<ReturnType<typeof deskBot>>) =>
    (await bot.closes()).map(({ reason, endedAt, closedAt }) => `${timeOf(endedAt)} ${reason} ${timeOf(closedAt)}`);

  test('with agent timers off, a hand-over does not suspend the user’s', async () => {
    const bot = await owned({ agents: {}, settings: { warnings: [{ before: 5, message: 'Still there?' }] } });
    expect((await bot.sessions.explain(adaKey)).clock).toBe('user');
    await bot.until('11:00:00');
    expect(await ends(bot)).toEqual(['10:30:00 inactivity 10:30:00']);
    expect(bot.vendor.texts()).toEqual(['10:25:00 Still there?']);
  });

  test('with one of them on, it does; no warning of it either', async () => {
    const bot = await owned({ agents: { replyWithin: 30 }, settings: { warnings: [{ before: 5, message: 'Still there?' }] } });
    await bot.until('23:00:00');
    expect(await ends(bot)).toEqual([]);
    expect(bot.vendor.texts()).toEqual([]);
  });

  test('lazily, too: it is over for everybody at its deadline, and the agent is free', async () => {
    const bot = await owned({ agents: {}, settings: { closing: 'lazy', classifyReturn: () => 'same' } });
    await bot.until('10:31:00');
    expect(await ends(bot)).toEqual(['10:30:00 inactivity 10:30:00']);
    expect(await bot.loads()).toEqual([0, 0, 0]);
    await expect(bot.desk.reply(adaKey, { agent: 'A', message: 'hi' })).rejects.toMatchObject({ code: 'ADJ_NO_SESSION' });
  });

  test.each<[string, (bot: Awaited<ReturnType<typeof deskBot>>) => Promise<unknown>, string]>([
    ['the queue', async () => {}, '10:45:00'],
    ['a customer who waits', (bot) => bot.desk.assign(adaKey, 'A'), '10:45:00'],
    ['a customer who wrote again', (bot) => bot.says('hello?'), '10:55:00'],
    ['an agent who answered', (bot) => bot.desk.agentReplied(adaKey, 'A'), '10:55:00'],
    ['the bot again', (bot) => bot.desk.returnToBot(adaKey), '10:55:00'],
  ])('a cap of the organisation runs in every state: %s', async (_what, change, end) => {
    const bot = await deskBot({
      agents: { replyWithin: 600, closeAfter: 600 },
      settings: { expiration: 0 },
      organization: { maxExpiration: 45 },
    });
    await bot.says('help', (turn) => turn.session.handoff('support', 'queue'));
    await bot.until('10:10:00');
    await change(bot);
    await bot.until('11:00:00');
    expect(await ends(bot)).toEqual([`${end} inactivity ${end}`]);
    expect(await bot.loads()).toEqual([0, 0, 0]);
  });

  test('a customer’s reply calls the close off, unless it is not to', async () => {
    for (const [cancelOnReply, end] of [
      [true, []],
      [false, ['11:00:00.100 agent_inactivity 11:00:00.100']],
    ] as const) {
      const bot = await owned({ agents: { closeAfter: 60, cancelOnReply } });
      await bot.desk.agentReplied(adaKey, 'A');
      await bot.until('10:30:00');
      await bot.says('thanks');
      await bot.until('13:00:00');
      expect(await ends(bot)).toEqual(end);
    }
  });

  test('an agent’s silence closes lazy sessions at its time, too, with its message', async () => {
    const bot = await owned({ settings: { closing: 'lazy' } });
    await bot.desk.agentReplied(adaKey, 'A');
    await bot.until('12:00:00');
    expect(await ends(bot)).toEqual(['11:00:00.100 agent_inactivity 11:00:00.100']);
    expect(bot.vendor.texts()).toEqual(['11:00:00.100 Thank you, bye']);
  });

  test('and where no worker ran, the next message does, at the same time', async () => {
    const bot = await owned({ settings: { closing: 'lazy' }, worker: false });
    await bot.desk.agentReplied(adaKey, 'A');
    await bot.until('15:00:00');
    await bot.says('hi');
    await bot.rest();
    expect(await ends(bot)).toEqual(['11:00:00.100 agent_inactivity 15:00:00']);
    expect(bot.told.at(-1)).toBe('#1 hi');
    expect(bot.vendor.texts()).toEqual([]);
  });

  test('a closing hook may put that close off once; the agent’s next word begins anew', async () => {
    const asked: string[] = [];
    const bot = await owned({
      settings: {
        onClosing: (_session, close) => {
          asked.push(timeOf(bot.clock.now()));
          close.extend(10);
        },
      },
    });
    await bot.desk.agentReplied(adaKey, 'A');
    await bot.until('11:05:00');
    expect(asked).toEqual(['11:00:00.100']);
    await bot.desk.agentReplied(adaKey, 'A');
    await bot.until('12:20:00');
    expect(asked).toEqual(['11:00:00.100', '12:05:00', '12:15:00']);
    expect(await ends(bot)).toEqual(['12:15:00 agent_inactivity 12:15:00']);
  });

  test('nothing ends while the bot hands over, however long that takes', async () => {
    const bot = await deskBot({ settings: { expiration: 1, turnTimeout: 0 } });
    const slow = bot.says('help', async (turn) => {
      await bot.clock.sleep(5 * 60_000);
      handsOff(turn);
    });
    await bot.until('10:06:00');
    await slow;
    expect(bot.story()).toEqual(['10:05:00 handed_off -', '10:05:00 assigned A']);
  });
});

test('sessions.run works in the session whoever owns it', async () => {
  const bot = await owned();
  await bot.sessions.run(adaKey, async (turn) => {
    turn.session.data.count = 7;
    await turn.reply('Your parcel is on its way.');
    expect([turn.session.owner, turn.session.agent]).toEqual(['agent', 'A']);
  });
  expect(bot.vendor.texts()).toEqual(['10:00:00.100 Your parcel is on its way.']);
  expect(bot.heard).toEqual([]);
  expect((await bot.sessions.explain(adaKey)).timers).toContainEqual({
    what: 'overdue',
    at: Date.parse('2026-11-02T10:30:00Z'),
  });
});

test('an agent answers from within onMessage, in the same turn', async () => {
  const bot = await owned({ desk: { onMessage: (turn) => bot.desk.reply(turn.key, { agent: 'A', message: 'Right away.' }) } });
  await bot.says('hello?');
  expect(bot.vendor.texts()).toEqual(['10:00:00.100 Right away.']);
  expect(bot.names()).toEqual(['customer_wrote', 'answered']);
  expect((await bot.sessions.explain(adaKey)).clock).toBe('customer');
});

test('explain names owner, desk, agent and clock, and what comes next', async () => {
  const bot = await deskBot();
  const told = async () => {
    const { owner, desk, agent, clock, timers } = await bot.sessions.explain(adaKey);
    return [owner, desk, agent, clock, ...timers.map(({ what, at }) => `${what} ${timeOf(at)}`)];
  };
  await bot.says('hi');
  expect(await told()).toEqual(['bot', undefined, undefined, 'user', 'expires 10:30:00']);
  await bot.desk.handoff(adaKey, 'queue');
  expect(await told()).toEqual(['queue', 'support', undefined, 'agent', 'warns_agent 10:25:00', 'overdue 10:30:00']);
  await bot.desk.assign(adaKey, 'B');
  expect(await told()).toEqual([
    ...['agent', 'support', 'B', 'agent'],
    ...['reassigns 10:10:00', 'warns_agent 10:25:00', 'overdue 10:30:00'],
  ]);
  await bot.desk.reply(adaKey, { agent: 'B', message: 'Yes?' });
  expect(await told()).toEqual(['agent', 'support', 'B', 'customer', 'agent_inactivity 11:00:00']);
  expect(keyOf('ada')).toBe(adaKey);
});
