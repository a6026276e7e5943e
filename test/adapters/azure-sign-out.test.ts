import { describe, expect, it, type Mock, vi } from 'vitest';
import { type AzureTurnContext, signOut } from '../../src/adapters/azure.ts';
import { type Bot, type Context, type Sdk, sdks, startBot } from './azure-bots.ts';

const minutes = 60_000;
/** Azure's token service, which is not reached. */
type Service = Mock<(user: string, connection: string, channelId: string) => Promise<void>>;

/** The bot's handler, behind the middleware that the documentation of `signOut` shows. */
function signingOut(sdk: Sdk, service: Service) {
  const answer = vi.fn();
  const logic = async (context: Context, { sessions }: Bot) => {
    const host = context as unknown as AzureTurnContext;
    const client = host.turnState?.get(Reflect.get(host.adapter, 'UserTokenClientKey'));
    // Refuses a name that the SDK's own client does not have.
    vi.spyOn(client as Record<string, Service>, sdk === 'botbuilder' ? 'signOutUser' : 'signOut').mockImplementation(service);
    if (sessions.turn(context)?.session.turnCount === 1) await signOut(host, 'graph');
    answer(context.activity.text);
  };
  return { answer, bot: startBot(sdk, { logic }) };
}

describe.each(sdks)('signing out on %s', (sdk) => {
  it('asks Azure once for each session', async () => {
    const service: Service = vi.fn(async () => {});
    const { answer, bot: started } = signingOut(sdk, service);
    await using bot = await started;
    await bot.says('a');
    await bot.says('b');
    const once = [bot.reference.user.id, 'graph', 'directline'];
    expect(service.mock.calls).toEqual([once]);
    await bot.clock.advance(30 * minutes);
    await bot.says('c');
    await bot.says('refresh');
    await bot.says('d');
    await bot.says('e');
    expect(service.mock.calls).toEqual([once, once, once]);
    expect(answer.mock.calls.flat()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(bot.errors).toEqual([]);
  });

  it('lets nobody on who is still signed in, and tries again', async () => {
    const down = new Error('The token service is down.');
    const service: Service = vi.fn(async () => {}).mockRejectedValueOnce(down);
    const { answer, bot: started } = signingOut(sdk, service);
    await using bot = await started;
    await bot.says('a');
    await bot.says('b');
    expect(bot.errors).toEqual([down]);
    expect(service).toHaveBeenCalledTimes(2);
    expect(answer.mock.calls.flat()).toEqual(['b']);
  });
});

it.each([
  ['an adapter without a token client', { activity: { from: { id: 'ada' }, channelId: 'msteams' }, turnState: new Map() }],
  ['a turn of nobody', { activity: { channelId: 'msteams' }, turnState: new Map([['client', { signOut: async () => {} }]]) }],
])('%s is refused', async (_what, context) => {
  const host = { ...context, adapter: { UserTokenClientKey: 'client' }, sendActivity: async () => {} };
  await expect(signOut(host, 'graph')).rejects.toMatchObject({ code: 'ADJ_CONFIG_INVALID' });
});
