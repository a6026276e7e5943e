import { strict as assert } from 'node:assert';
import { setTimeout as pause } from 'node:timers/promises';
import type { Store } from '../../src/index.ts';
import { type Bot, type BotOptions, startBot } from './bot.ts';
import { leapingClock } from './clock.ts';
import type { Figure } from './figures.ts';

/** The kinds of turn whose calls to the store are counted: what makes them, before the turn that is counted. */
const kinds: Readonly<
  Record<string, { readonly settings?: BotOptions['settings']; readonly before: 'turn' | 'expiry' | 'nothing' }>
> = {
  'an ordinary turn': { before: 'turn' },
  'a turn that opens a session': { before: 'nothing' },
  'a turn that expires one and opens the next': { before: 'expiry' },
  'a turn that arms a proactive close again': { settings: { closing: 'proactive', closingMessage: 'See you.' }, before: 'turn' },
};

const turns = 30;

/** Calls to a store so far, as they were answered; and as its server counts them, where it does. */
export interface Counts {
  readonly answered: () => number;
  readonly served?: (() => Promise<number>) | undefined;
}

/**
 * Counts, turn by turn, what the store had answered when the turn was saved, and what it had answered altogether once everything had settled.
 * The server's own count must agree.
 */
export async function countKinds(measure: string, open: () => Promise<Store>, { answered, served }: Counts): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, kind] of Object.entries(kinds)) {
    const clock = leapingClock();
    const bot = startBot({ store: await open(), clock, worker: false, settings: kind.settings });
    // Tables, scripts and settings are there before anything is counted.
    await bot.turn(turns);
    for (let user = 0; kind.before !== 'nothing' && user < turns; user++) await bot.turn(user);
    if (kind.before === 'expiry') clock.leap();
    await settle(answered);
    const [began, begunAtServer] = [answered(), await served?.()];
    const perTurn = await each(bot, answered);
    await settle(answered);
    const all = answered() - began;
    if (served) assert.equal((await served()) - (begunAtServer ?? 0), all, 'The server has counted as many.');
    figures.push({
      measure,
      name: `calls before ${name} is saved`,
      unit: '',
      value: Math.max(...perTurn),
      reach: { is: 'exactly', value: 2 },
    });
    figures.push({ measure, name: `calls after ${name}`, unit: '', value: all / turns - Math.max(...perTurn) });
    await bot.sessions.close();
  }
  return figures;
}

async function each(bot: Bot, answered: () => number): Promise<number[]> {
  const counts: number[] = [];
  for (let user = 0; user < turns; user++) {
    const before = answered();
    await bot.turn(user);
    counts.push(answered() - before);
    await settle(answered);
  }
  return counts;
}

/** Waits until nothing more follows: two looks, a while apart, see the same count. */
async function settle(answered: Counts['answered']): Promise<void> {
  let last: number;
  do {
    last = answered();
    await pause(20);
  } while (answered() !== last);
}
