import { MemoryStorage as AgentsStorage, TurnState } from '@microsoft/agents-hosting';
import { ConversationState, MemoryStorage, UserState } from 'botbuilder';
import Keyv from 'keyv';
import { describe, expect, it } from 'vitest';
import { sessionStorage } from '../../src/adapters/azure.ts';
import { AdjournError, isAdjournError, keyvStore, type Store } from '../../src/index.ts';
import { type Bot, type Context, type Setup, sdks, startBot } from './azure-bots.ts';
import { waterfall } from './azure-waterfall.ts';

const minutes = 60_000;

/** Waits for something that a bot does by HTTP while virtual time stands still. */
async function until(done: () => boolean) {
  while (!done()) await new Promise(setImmediate);
}

describe.each(sdks)('a waterfall on %s', (sdk) => {
  const start = async (more: Partial<Setup> = {}, dialog = waterfall(sdk)) => {
    const bot = await startBot(sdk, { ...dialog, ...more });
    return Object.assign(bot, { dialog });
  };
  const endpoints = (settings: object) => ({ sessions: { endpoints: { main: { expiration: 30, ...settings } } } });

  it('goes on where it was while its session lives', async () => {
    await using bot = await start();
    await bot.says('hi');
    await bot.says('pear');
    await bot.clock.advance(30 * minutes - 1);
    await bot.says('3');
    expect(bot.said).toEqual(['Which fruit?', 'How many?', 'pear 3']);
  });

  it.each([
    ['lazily', {}],
    ['by the worker', { closing: 'proactive' }],
  ])('starts at its first step when its session has expired in the middle of the second, closed %s', async (_how, settings) => {
    await using bot = await start(endpoints(settings));
    await bot.says('hi');
    await bot.says('pear');
    await bot.clock.advance(30 * minutes);
    await bot.says('3');
    await bot.says('plum');
    expect(bot.said).toEqual(['Which fruit?', 'How many?', 'Which fruit?', 'How many?']);
  });

  it.each([
    ['discard', 'Discarded.'],
    ['discard all', 'All discarded.'],
    ['refresh', 'Refreshed.'],
  ])('starts at its first step after %s', async (command, told) => {
    await using bot = await start();
    await bot.says('hi');
    await bot.says('pear');
    await bot.says(command);
    await bot.says('3');
    await bot.says('plum');
    await bot.says('4');
    expect(bot.said).toEqual(['Which fruit?', 'How many?', told, 'Which fruit?', 'How many?', 'plum 4']);
  });

  it('is left alone by discard where it asks for that', async () => {
    await using bot = await start({}, waterfall(sdk, { onDiscard: 'keep' }));
    await bot.says('hi');
    await bot.says('pear');
    await bot.says('discard');
    await bot.says('3');
    await bot.says('refresh');
    await bot.says('hi');
    expect(bot.said).toEqual(['Which fruit?', 'How many?', 'Discarded.', 'pear 3', 'Refreshed.', 'Which fruit?']);
  });

  it('is one for each person of a group: the discard of one leaves the others alone', async () => {
    await using bot = await start();
    const { conversation, bot: itself } = bot.reference;
    const mention = { type: 'mention', text: '@bot', mentioned: { id: itself.id } };
    let count = 0;
    const say = (user: string, text: string) => {
      const place = { conversation: { id: conversation.id, isGroup: true }, from: { id: user } };
      return bot.post(bot.activity({ id: `m${++count}`, text: `@bot ${text}`, entities: [mention], ...place }));
    };
    for (const user of ['ada', 'bo']) {
      await say(user, 'hi');
      await say(user, 'pear');
    }
    await say('ada', 'discard');
    await say('ada', '3');
    await say('bo', '4');
    // Only the Agents SDK takes the mention out of the text.
    const said = bot.said.map((text) => text.replaceAll('@bot ', ''));
    expect(said.slice(4)).toEqual(['Discarded.', 'Which fruit?', 'pear 4']);
  });

  it('is not brought back by a turn that began before a discard, and goes on after it', async () => {
    await using bot = await start({ sessions: { worker: false, endpoints: { main: { expiration: 30 } } } });
    await bot.says('hi');
    const slow = bot.says('hold');
    await bot.dialog.holding;
    const discard = bot.says('discard');
    await until(() => bot.clock.nextWake() === bot.clock.now() + 14_500);
    await bot.clock.advance(14_500);
    await discard;
    bot.dialog.release();
    await slow;
    await bot.says('3');
    expect(bot.said).toEqual(['Which fruit?', 'Discarded.', 'How many?', 'Which fruit?']);
  });

  it.each([
    ['a discard', async (bot: Bot) => void (await bot.says('discard'))],
    ['a close', async (bot: Bot) => void (await bot.clock.advance(30 * minutes))],
    ['other turns', async () => {}],
  ])('is not changed by a turn that has been given up, after %s', async (what, happens) => {
    await using bot = await start(endpoints({ turnTimeout: '1m', closing: 'proactive' }));
    await bot.says('hi');
    const slow = bot.says('hold');
    await bot.dialog.holding;
    await bot.clock.advance(1 * minutes);
    await until(() => bot.errors.length > 0);
    await happens(bot);
    const before = bot.said.length;
    await bot.says('3');
    bot.dialog.release();
    await slow;
    await bot.says('plum');
    const expected = what === 'other turns' ? ['How many?', '3 plum'] : ['Which fruit?', 'How many?'];
    expect(bot.said.slice(before)).toEqual(expected);
  });

  it('leaves nothing behind', async () => {
    await using bot = await start(endpoints({ closing: 'proactive' }));
    await bot.says('hi');
    await bot.says('pear');
    expect(bot.dialog.keys()).toEqual([expect.stringMatching(/\/conversations\/.*#[0-9a-f-]{36}$/)]);
    await bot.says('discard');
    expect(bot.dialog.keys()).toEqual([]);
    await bot.says('hi');
    expect(bot.dialog.keys()).toEqual([expect.stringMatching(/#[0-9a-f-]{36}\.1$/)]);
    await bot.clock.advance(30 * minutes);
    expect(bot.dialog.keys()).toEqual([]);
  });

  it('fails loudly instead of starting anew while the store is out', async () => {
    let out = false;
    const real = keyvStore(new Keyv());
    const begin: Store['begin'] = async (...args) => {
      if (out) throw new AdjournError('STORE_UNAVAILABLE', 'It is out.');
      return real.begin(...args);
    };
    await using bot = await start({ sessions: { store: { ...real, begin }, endpoints: { main: {} } } });
    await bot.says('hi');
    out = true;
    await bot.says('pear');
    out = false;
    await bot.says('plum');
    expect(bot.said).toEqual(['Which fruit?', 'How many?']);
    expect(bot.errors.map((error) => isAdjournError(error, 'STORE_UNAVAILABLE'))).toEqual([true]);
  });

  it('is not saved by a turn that runs beside another one', async () => {
    await using bot = await start({ sessions: { worker: false, endpoints: { main: {} } } });
    await bot.says('hi');
    const slow = bot.says('hold');
    await bot.dialog.holding;
    const quick = bot.says('plum');
    await until(() => bot.clock.nextWake() === bot.clock.now() + 14_500);
    await bot.clock.advance(14_500);
    await quick;
    bot.dialog.release();
    await slow;
    await bot.says('4');
    expect(bot.said).toEqual(['Which fruit?', 'How many?', 'hold 4']);
    expect(bot.errors.map((error) => isAdjournError(error, 'ADJ_TURN_SHARED'))).toEqual([true]);
  });
});

describe('state of users', () => {
  it('stays where it is on botbuilder', async () => {
    const memory: Record<string, string> = {};
    let states: { conversation: ConversationState; user: UserState } | undefined;
    await using bot = await startBot('botbuilder', {
      async logic(context: Context, { sessions }) {
        const storage = sessionStorage(sessions, new MemoryStorage(memory));
        states ??= { conversation: new ConversationState(storage), user: new UserState(storage) };
        const told: unknown[] = [];
        for (const state of [states.conversation, states.user]) {
          const texts = await state.createProperty<string[]>('texts').get(context as never, []);
          texts.push(context.activity.text ?? '');
          await state.saveChanges(context as never);
          told.push(texts.join());
        }
        await context.sendActivity(told.join(' / '));
      },
    });
    await bot.says('a');
    await bot.says('refresh');
    await bot.says('b');
    expect(bot.said).toEqual(['a / a', 'Refreshed.', 'b / a,b']);
  });

  it('stays where it is in the TurnState of the Agents SDK', async () => {
    const memory = {};
    await using bot = await startBot('agents-hosting', {
      async logic(context: Context, { sessions }) {
        const storage = sessionStorage(sessions, new AgentsStorage(memory));
        const state = new TurnState<{ texts?: string[] }, { texts?: string[] }>();
        await state.load(context as never, storage);
        for (const scope of [state.conversation, state.user]) scope.texts = [...(scope.texts ?? []), context.activity.text ?? ''];
        await context.sendActivity([state.conversation, state.user].map(({ texts }) => texts?.join()).join(' / '));
        await state.save(context as never, storage);
      },
    });
    await bot.says('a');
    await bot.says('b');
    await bot.says('discard');
    await bot.says('c');
    expect(bot.said).toEqual(['a / a', 'a,b / a,b', 'Discarded.', 'c / a,b,c']);
  });
});

describe('turns without a session', () => {
  it('share one state', async () => {
    const inner = new MemoryStorage();
    await using bot = await startBot('botbuilder', {
      async logic(context: Context, { sessions }) {
        const storage = sessionStorage(sessions, inner);
        const { count = 0 } = (await storage.read(['joins']))['joins'] ?? {};
        await storage.write({ joins: { count: count + 1, eTag: '*' } });
        await context.sendActivity(String(count + 1));
      },
    });
    await bot.does({ does: 'joins' });
    await bot.says('a');
    await bot.does({ does: 'joins' });
    expect(bot.said).toEqual(['1', '1', '2']);
    expect(await inner.read(['joins#none'])).toMatchObject({ 'joins#none': { count: 2 } });
  });
});

describe('what comes after its turn', () => {
  it.each([
    ['the turn is over', 'ADJ_TURN_ENDED'],
    ['the turn was given up', 'ADJ_TURN_TIMEOUT'],
  ] as const)('is refused: %s', async (what, code) => {
    const inner = new MemoryStorage();
    const { promise: late, resolve: happens } = Promise.withResolvers<void>();
    let wrote: Promise<void> | undefined;
    await using bot = await startBot('botbuilder', {
      sessions: { endpoints: { main: { turnTimeout: '1m' } }, worker: false },
      async logic(_context, { sessions }) {
        const storage = sessionStorage(sessions, inner);
        await storage.write({ step: { at: 1 } });
        wrote = late.then(() => storage.write({ step: { at: 2 } }));
        if (code === 'ADJ_TURN_TIMEOUT') await wrote;
      },
    });
    const answered = bot.says('a');
    await until(() => wrote !== undefined);
    if (code === 'ADJ_TURN_TIMEOUT') await bot.clock.advance(1 * minutes);
    await answered;
    happens();
    await expect(wrote, what).rejects.toMatchObject({ code });
    const [opened] = bot.events;
    const key = `step#${opened?.type === 'opened' ? opened.session : ''}`;
    expect(await inner.read([key])).toMatchObject({ [key]: { at: 1 } });
  });
});
