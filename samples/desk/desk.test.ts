import { createSessions } from 'adjourn';
import { createSimulator } from 'adjourn/simulator';
import { type VirtualClock, virtualClock } from 'adjourn/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../kit.ts';
import { start } from '../line/bot.ts';
import { type BotData, desk, initial } from '../words.ts';
import { type Seat, takeSeat } from './desk.ts';

const minute = 60_000;
const agents = { replyWithin: 5, warnBefore: 1, closeAfter: 10, closingMessage: 'Bye' };

let clock: VirtualClock;
let seat: Seat;
let printed: string[];
let received: string[];
let says: (user: string, text: string) => Promise<void>;
let close: () => Promise<void>;

beforeEach(async () => {
  clock = virtualClock({ start: new Date(2026, 10, 2, 10).getTime() });
  printed = [];
  received = [];
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const sessions = createSessions<BotData>({ clock, logger, initial, organization: { agents } });
  const onReceived = ({ user, text }: { user: string; text: string }) => void received.push(`${user}: ${text}`);
  const simulator = await createSimulator({ clock, onReceived });
  const nameOf = (channel: string, id: string) => simulator.nameOf(channel, id) ?? id;
  seat = await takeSeat({ sessions, desk, agent: 'kim', nameOf, print: (line) => void printed.push(line) });
  const identity = simulator.identity('line', 'main');
  const bot = await start({ sessions, endpoint: 'main', identity, vendorUrl: simulator.url });
  says = async (user, text) => {
    const webhook = simulator.webhook('line', 'main', user, { does: 'says', text });
    if (webhook) await simulator.send(webhook, { channel: 'line', endpoint: 'main', url: bot.url, user });
  };
  close = async () => {
    await bot.close();
    await simulator.close();
    await sessions.close();
  };
});
afterEach(() => close());

/** What has been told since the last look, once the last line of it is there. */
async function told(last: RegExp): Promise<string[]> {
  await until(() => printed.some((line) => last.test(line)));
  return printed.splice(0);
}

/** The list as it stands now. */
async function listed(): Promise<string[]> {
  printed.splice(0);
  await seat.types('');
  return printed.splice(0);
}

/** Somebody asks for a person. The desk sees it once the turn is saved: the last thing that must come before time moves on. */
async function asks(user: string): Promise<void> {
  await says(user, 'agent please');
  await told(/asks for a person/);
  await clock.advance(0);
}

it('shows who waits, the least time left first, and who has waited too long, by how much', async () => {
  await says('ada', 'agent please');
  expect(await told(/asks/)).toEqual(['1 ada@main asks for a person: in the queue, due 10:05:00, in 5:00']);
  await clock.advance(2 * minute);
  await asks('bo');
  expect(await listed()).toEqual([
    '1 ada@main in the queue, due 10:05:00, in 3:00',
    '2 bo@main in the queue, due 10:07:00, in 5:00',
  ]);
  await clock.advance(2 * minute);
  expect(await told(/ada/)).toEqual(['1 ada@main has waited long: 1 min left']);
  await clock.advance(1.5 * minute);
  expect(await told(/ada/)).toEqual(['1 ada@main has waited too long']);
  expect(await listed()).toEqual([
    '1 ada@main in the queue, overdue since 10:05:00, by 0:30',
    '2 bo@main in the queue, due 10:07:00, in 1:30',
  ]);
  await seat.types('take 1');
  await seat.types('Sorry!');
  await says('ada', 'never mind');
  expect(await told(/writes/)).toEqual(['1 ada@main is yours; what you type goes there', '1 ada@main writes: never mind']);
  expect(await listed()).toEqual(['2 bo@main in the queue, due 10:07:00, in 1:30', '1 ada@main ← yours, due 10:10:30, in 5:00']);
});

it('sends what is typed to whom was taken last, also words of the desk', async () => {
  await asks('ada');
  await clock.advance(minute);
  await asks('bo');
  await seat.types('take 2');
  await seat.types('Hello Bo');
  await seat.types('take 1');
  await seat.types('say return');
  expect(received.slice(2)).toEqual(['bo: Hello Bo', 'ada: return']);
  expect(await listed()).toEqual(['1 ada@main ← yours, answered, closes 10:11:00', '2 bo@main yours, answered, closes 10:11:00']);
});

it('gives back to the bot, and ends sessions', async () => {
  await asks('ada');
  await seat.types('take 1');
  await seat.types('return');
  expect(await told(/left/)).toContain('1 ada@main has left the desk');
  await says('ada', 'back');
  await asks('ada');
  await seat.types('take 2');
  await seat.types('close');
  expect(await told(/closed/)).toEqual([
    '2 ada@main is yours; what you type goes there',
    '2 ada@main has left the desk',
    '  and the session is closed (agent)',
  ]);
  await says('ada', 'hi');
  expect(received).toEqual(['ada: A person will answer you.', 'ada: #2 back', 'ada: A person will answer you.', 'ada: #1 hi']);
});

it('tells of an end by silence', async () => {
  await asks('ada');
  await seat.types('take 1');
  await seat.types('Anything else?');
  await clock.advance(10 * minute);
  expect(await told(/closed/)).toContain('  and the session is closed (agent_inactivity)');
  expect(received.at(-1)).toBe('ada: Bye');
  expect(await listed()).toEqual(['Nobody waits.']);
});

it('says what cannot be done', async () => {
  await seat.types('hello?');
  await seat.types('take 9');
  await asks('ada');
  await seat.types('offline');
  await seat.types('take 1');
  await seat.leaves();
  expect(printed).toEqual(['You are offline.', expect.stringMatching(/^ADJ_NO_AGENT: desk desk, agent kim: They are offline/)]);
});

it('lets nobody steer the terminal', async () => {
  await asks('ada');
  await says('ada', '\u001b[2Jgone\u0007\r\nnext');
  expect(await told(/writes/)).toEqual(['1 ada@main writes: gone next']);
});
