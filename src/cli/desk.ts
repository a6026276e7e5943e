import { styleText } from 'node:util';
import { deskWords, takeSeat } from '../../samples/desk/desk.ts';
import type { Sample } from '../../samples/host.ts';
import { type BotData, desk as deskName, initial } from '../../samples/words.ts';
import { createSessions } from '../create-sessions.ts';
import type { OrganizationSettings } from '../middleware/core/policy.ts';
import { createSimulator } from '../simulator/simulator.ts';
import { fastClock } from './fast-clock.ts';
import { type Verdict, warnOfRoutes } from './play.ts';
import { sampleCast, samples } from './samples.ts';
import { openTerminal } from './terminal.ts';

/** Times that one can wait for at a terminal. */
const organization: OrganizationSettings = {
  agents: {
    replyWithin: 5,
    warnBefore: 1,
    closeAfter: 10,
    closingMessage: 'We have closed this conversation. Write at any time to begin another.',
  },
};

const logger = { debug: () => {}, info: () => {}, warn: console.error, error: console.error };

/**
 * An agent desk in this terminal. Whoever sits here answers people who have asked the sample bots for a person, on any simulated
 * channel, and makes those people write, too.
 * @param speed how many times as fast as the machine's time session time runs
 * @throws AdjournError `ADJ_PEER_MISSING`
 */
export async function desk(speed: number): Promise<Verdict> {
  const { print, each } = openTerminal();
  print('The sample bots are starting …');
  const clock = fastClock(speed);
  const simulator = await createSimulator({
    clock,
    onReceived: ({ user, endpoint, text }) => print(`${styleText('cyan', `→ ${user}@${endpoint}:`)} ${text}`),
    onUnknownRoute: (route) => warnOfRoutes({ unknownRoutes: [route] }),
  });
  const sessions = createSessions<BotData>({ clock, initial, organization, logger });
  const bots = new Map<string, Sample & { readonly channel: string }>();
  /** What people write, until the bot's webhook has answered. */
  const underWay = new Set<Promise<unknown>>();

  const writes = (user: string, endpoint: string, text: string) => {
    const bot = bots.get(endpoint);
    if (bot === undefined) return print(`There is no bot "${endpoint}"; there are ${[...bots.keys()].join(', ')}.`);
    const { channel, url } = bot;
    const webhook = simulator.webhook(channel, endpoint, user, { does: 'says', text });
    if (webhook === undefined) return;
    const sent: Promise<unknown> = simulator
      .send(webhook, { channel, endpoint, url, user })
      .catch((error) => print(styleText('red', `The bot does not answer: ${error instanceof Error ? error.message : error}`)))
      .finally(() => underWay.delete(sent));
    underWay.add(sent);
  };

  try {
    const nameOf = (channel: string, id: string) => simulator.nameOf(channel, id) ?? id;
    // Before the first bot that may hand over to it.
    const seat = await takeSeat({ sessions, desk: deskName, agent: 'you', nameOf, print });
    const cast = sampleCast(Object.fromEntries(samples.map(({ folder }) => [folder, folder])));
    for (const { folder, channel } of samples) {
      const start = await cast.bot(folder, channel);
      const identity = simulator.identity(channel, folder);
      bots.set(folder, { channel, ...(await start({ sessions, endpoint: folder, identity, vendorUrl: simulator.url })) });
    }
    for (const line of introduction(speed)) print(line);
    await each(async (line) => {
      if (line.trim() === 'quit') return false;
      const [, user, endpoint, text] = /^\s*(\w+)@(\w+):\s*(.+)$/.exec(line) ?? [];
      if (user !== undefined && endpoint !== undefined && text !== undefined) writes(user, endpoint, text);
      else await seat.types(line);
      return true;
    });
    await Promise.all(underWay);
    await seat.leaves();
    return 'held';
  } finally {
    for (const bot of bots.values()) await bot.close();
    await sessions.close();
    await simulator.close();
  }
}

function introduction(speed: number): string[] {
  const rows = [
    ['ada@slack: agent please', `makes Ada write to a bot: ${samples.map(({ folder }) => folder).join(', ')}`],
    ...deskWords,
    ['quit', 'ends everything'],
  ];
  const width = Math.max(...rows.map(([words = '']) => words.length));
  const time = speed === 1 ? 'Time is real' : `Time runs ${speed} times as fast`;
  return [
    `You sit at an agent desk. ${time}; nothing leaves this machine.`,
    ...rows.map(([words = '', meaning]) => `  ${styleText('bold', words.padEnd(width))}  ${meaning}`),
    `Whatever else you type is your answer to whom you took last.`,
  ];
}
