import { strict as assert } from 'node:assert';
import { readdir } from 'node:fs/promises';
import { keyvStore } from '../../src/index.ts';
import { countedIn, startBot } from '../harness/bot.ts';
import type { Case } from '../harness/case.ts';
import { difference, each, type Figure } from '../harness/figures.ts';
import type { Peer } from '../harness/peer.ts';
import { inRounds, oneByOne } from '../harness/rounds.ts';

/**
 * What a turn costs above the same host without it, in memory, one after another, beside the libraries whose sessions bots use today.
 * Each is measured in its own host; adjourn without any host, where the activity is all there is, and on the hosts of two of them.
 */
const users = 10_000;
const measure = 'in-memory turn';

function adjourn(): Peer {
  const store = keyvStore();
  const bot = startBot({ store });
  return {
    name: 'adjourn',
    bare: bot.bare,
    turn: bot.turn,
    handled: bot.handled,
    stored: () => countedIn(store),
    close: () => bot.sessions.close(),
  };
}

/** Loaded by their place, so that who has not installed the peers can still compile the rest. */
async function peers(): Promise<Peer[]> {
  const folder = new URL('../peers/', import.meta.url);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).sort();
  const modules = await Promise.all(files.map((file) => import(new URL(file, folder).href)));
  return modules.flatMap(({ peers }: { peers: readonly (() => Peer)[] }) => peers.map((open) => open()));
}

export const run: Case = async (quick) => {
  const [rounds, turns] = quick ? [1, 10_000] : [7, 10_000];
  const all = [adjourn(), ...(await peers())];
  const bare = (peer: Peer) => () => oneByOne(turns, (index) => peer.bare(index % users));
  const full = (peer: Peer) => () => oneByOne(turns, (index) => peer.turn(index % users));
  const took = await inRounds(
    rounds,
    Object.fromEntries(all.flatMap((peer) => [[`${peer.name} bare`, bare(peer)] as const, [peer.name, full(peer)] as const])),
  );
  const happened = (rounds + 1) * turns;
  for (const peer of all) {
    assert.equal(peer.handled(), 2 * happened, `${peer.name}: every handler ran.`);
    assert.equal(await peer.stored(users), happened, `${peer.name}: every turn left its mark.`);
    await peer.close?.();
  }
  return figures(all, took);
};

function figures(all: readonly Peer[], took: Readonly<Record<string, readonly number[]>>): Figure[] {
  const of = (name: string) => took[name] ?? [];
  const above = (name: string) => of(name).map((value, round) => value - (of(`${name} bare`)[round] ?? Number.NaN));
  const [ours, ...others] = all.map(({ name }) => name);
  const mine = above(ours ?? '');
  return [
    ...all.map(({ name }): Figure => {
      const host = of(`${name} bare`);
      return { measure, name: `${name}, above its bare host`, unit: 'µs', ...difference(of(name), host) };
    }),
    ...others
      .filter((name) => !name.startsWith('adjourn'))
      .map((name): Figure => {
        const reach = name.startsWith('grammY') ? ({ is: 'at most', value: 1.5 } as const) : ({ is: 'below', value: 1 } as const);
        return { measure, name: `adjourn ÷ ${name}`, unit: '×', ...each(mine, above(name), timesAs), reach };
      }),
  ];
}

/** Nothing is many times as much as something that cannot be told from nothing. */
function timesAs(ours: number, theirs: number): number {
  return theirs > 0 ? ours / theirs : Number.POSITIVE_INFINITY;
}
