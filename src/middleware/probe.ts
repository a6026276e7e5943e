import { channel } from 'node:diagnostics_channel';

/**
 * Tells a test harness or the simulator what turns are doing, without costing anything when nobody listens.
 * Published synchronously on the diagnostics channel `adjourn:turn`, in the async context of the turn.
 */
export interface TurnProbe {
  /** `waiting`: for a busy conversation. `running`: has its lease (or runs beside the holder). `ended`: saved, or given up. */
  readonly phase: 'waiting' | 'running' | 'ended';
  /** The same object for all phases of one turn. */
  readonly turn: object;
}

export const turnProbe = channel('adjourn:turn');

export function probe(phase: TurnProbe['phase'], turn: object): void {
  if (turnProbe.hasSubscribers) turnProbe.publish({ phase, turn } satisfies TurnProbe);
}
