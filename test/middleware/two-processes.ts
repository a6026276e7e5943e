import type { Store } from '../../src/middleware/store.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { gate, toyBot } from './toy.ts';

/** Of a vendor that waits for ever. */
export const patient = { waitMs: 600_000 };

/** Two processes, as far as they can tell: each has its own sessions, and the store knows both. */
export function twoProcesses({ leaseMs, wrap = (store) => store }: { leaseMs?: number; wrap?: (store: Store) => Store } = {}) {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const store = wrap({ ...keyvStore(), capabilities: { scope: 'shared', durable: true } });
  const ran: string[] = [];
  const start = () => {
    const bot = toyBot({ clock, store, worker: false, ...(leaseMs === undefined ? {} : { leaseMs }) });
    /** Says something that is to be handled when its time comes, however long that takes. */
    const says = (text: string) => bot.says(text, () => ran.push(text), patient);
    return { ...bot, says };
  };
  const [a, b] = [start(), start()];
  /** Somebody holds the conversation from now on. @returns ends that turn */
  const hold = async (bot = a) => {
    const held = gate();
    const began = gate();
    const turn = bot.deliver(bot.message('first'), async () => {
      began.resolve();
      await held.promise;
      ran.push('first');
    });
    await began.promise;
    return async () => {
      held.resolve();
      await turn;
    };
  };
  return { clock, store, a, b, ran, hold };
}
