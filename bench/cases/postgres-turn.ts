import { strict as assert } from 'node:assert';
import { sqlStore } from '../../src/stores/sql.ts';
import { barePostgres } from '../harness/bare-postgres.ts';
import { countedIn, startBot } from '../harness/bot.ts';
import type { Case } from '../harness/case.ts';
import { each, type Figure, spreadOf } from '../harness/figures.ts';
import { countKinds } from '../harness/kinds.ts';
import { startPostgres } from '../harness/postgres.ts';
import { inFlight, inRounds } from '../harness/rounds.ts';

/** Turns a second over PostgreSQL against two bare prepared statements of the same size, on the same pool; and statements of a turn. */
const users = 10_000;
const measure = 'PostgreSQL turn';

export const run: Case = async (quick) => {
  const postgres = await startPostgres();
  const { pool, prefix, answered } = postgres;
  const bare = await barePostgres(postgres);
  const store = sqlStore(pool, { prefix });
  const bot = startBot({ store });
  const figures: Figure[] = [];
  let turns = 0;
  let next = 0;
  const user = () => next++ % users;
  for (const [width, calls, rounds] of quick ? ([[64, 500, 1]] as const) : widths) {
    const took = await inRounds(rounds, {
      ours: () => inFlight(calls, width, () => bot.turn(user())),
      async bare() {
        const [row] = await postgres.say(`SELECT avg(octet_length(record)) AS size FROM ${prefix}_conversations`);
        bare.size = Math.round(Number(row?.['size'] ?? 1_000));
        return inFlight(calls, width, () => bare.turn(user()));
      },
    });
    turns += calls * (rounds + 1);
    const at = `at concurrency ${width}`;
    const share = each(took.ours, took.bare, (a, b) => a / b);
    figures.push(
      { measure, name: `adjourn, ${at}`, unit: '/s', ...spreadOf(took.ours) },
      { measure, name: `two bare prepared statements, ${at}`, unit: '/s', ...spreadOf(took.bare) },
      { measure, name: `adjourn ÷ bare, ${at}`, unit: '×', ...share, reach: { is: 'at least', value: 0.85 } },
    );
  }
  assert.equal(bot.handled(), turns, 'Every handler ran.');
  assert.equal(await countedIn(store), turns, 'Every turn left its mark.');
  await bot.sessions.close();
  await postgres.say(`TRUNCATE ${prefix}_conversations`);
  const open = async () => {
    await postgres.say(`TRUNCATE ${prefix}_conversations`);
    return sqlStore(pool, { prefix });
  };
  const counted = await countKinds(measure, open, { answered });
  await postgres.stop();
  return [...figures, ...counted];
};

const widths = [
  [1, 300, 5],
  [64, 2_000, 5],
] as const;
