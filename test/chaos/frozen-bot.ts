import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/middleware/clock.ts';
import { toyBot } from '../middleware/toy.ts';
import { type Backend, openBackend } from './backend.ts';

/** A bot that is in the middle of a turn for three seconds, and then prints what became of it. */
const backend: Backend = JSON.parse(process.argv[2] ?? '{}');
const { store, close } = await openBackend(backend);
const bot = toyBot({ store, clock: systemClock as never, leaseMs: 1_000 });
let aborted = false;
const outcome = await bot.says('work', async (turn) => {
  turn.session.data.count = 1;
  console.log('began');
  for (let tenths = 0; tenths < 30; tenths++) await sleep(100);
  aborted = turn.signal.aborted;
});
const codes = bot.events.flatMap((event) => ('code' in event ? [`${event.type} ${event.code}`] : []));
console.log(JSON.stringify({ aborted, saved: await outcome.saved, codes }));
await bot.sessions.close();
await close();
