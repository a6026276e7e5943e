import { describe, expect, it } from 'vitest';
import { type Doing, restless, type Sight, type StoreSight } from '../../src/simulator/scenario/sight.ts';

const idle: StoreSight = { busy: 0, holds: [], wants: [] };
const sight = (store: Partial<StoreSight> = {}, doings: readonly Doing[] = [], calls = 0): Sight => ({
  moves: 0,
  doings,
  calls,
  store: { ...idle, ...store },
});
const running = (sleepers: number): Doing => ({ work: 'w', turns: ['running'], sleepers });
const waiting: Doing = { work: 'w', turns: ['waiting'], sleepers: 0 };

/** What keeps time from moving. */
const complaints = (sights: readonly Sight[], open: readonly string[] = [], calls = { open: 0, silent: 0 }) =>
  restless(sights, { open, calls }, (name) => (name === 'w' ? { label: 'a delivery', user: undefined } : undefined));

describe('time moves on', () => {
  it.each<[string, readonly Sight[], (readonly string[])?, { open: number; silent: number }?]>([
    ['when nothing happens', [sight(), sight()]],
    ['while every turn sleeps', [sight({ holds: ['k'] }, [running(1)]), sight()], ['w']],
    [
      'while who waits for a lease waits for somebody of another process',
      [sight({ holds: ['k'] }), sight({ wants: ['k'] }, [waiting])],
      ['w'],
    ],
    ['while a vendor keeps silent', [sight({}, [running(1)], 1)], ['w'], { open: 1, silent: 1 }],
  ])('%s', (_when, sights, open, calls) => {
    expect(complaints(sights, open, calls)).toEqual([]);
  });
});

describe('time stands still', () => {
  it.each<[string, readonly Sight[], readonly string[], { open: number; silent: number }, string]>([
    ['while a turn runs', [sight(), sight({}, [running(0)])], [], none(), 'a delivery (answered, turns: running)'],
    ['until a webhook has come to its turn', [sight()], ['w'], none(), 'a delivery (not answered, turns: none)'],
    ['while a lease is on its way', [sight(), sight({ wants: ['k'] }, [waiting])], ['w'], none(), 'nobody has the lease of k'],
    [
      'while another lease is held',
      [sight({ holds: ['other'] }), sight({ wants: ['k'] })],
      [],
      none(),
      'nobody has the lease of k',
    ],
    ['while the store is asked', [sight({ busy: 1 }), sight()], [], none(), 'a call to the store is open'],
    ['while a call is on its way to a vendor', [sight({}, [], 1)], [], none(), 'a call to a vendor is open'],
    ['while a vendor answers', [sight({}, [], 1)], [], { open: 1, silent: 0 }, 'a call to a vendor is open'],
    ['while an answer is on its way back', [sight({}, [], 2)], [], { open: 1, silent: 1 }, 'a call to a vendor is open'],
  ])('%s', (_when, sights, open, calls, complaint) => {
    expect(complaints(sights, open, calls)).toEqual([expect.stringContaining(complaint)]);
  });
});

function none() {
  return { open: 0, silent: 0 };
}
