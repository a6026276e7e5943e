/** One thing the world asked of a bot: a delivery, or work the bot began by itself. */
export interface Work {
  /** For the message when it never ends: who did what. */
  readonly label: string;
  readonly user: string | undefined;
}

/** What is known of a piece of work. */
export interface Progress {
  readonly work: Work;
  /** Until the webhook is answered, or the bot's own work is done. */
  open: boolean;
  readonly turns: Map<object, 'waiting' | 'running'>;
  /** The turns that wait for virtual time, with how many sleeps each; outside of a turn every sleep counts by itself. */
  readonly sleepers: Map<object, number>;
}

export function begun(work: Work): Progress {
  return { work, open: false, turns: new Map(), sleepers: new Map() };
}

/**
 * Work that was answered rests when each of its turns waits for the lease or for time; work that was not, when such a turn is
 * what it waits for.
 */
export function isResting({ open, turns, sleepers }: Progress): boolean {
  const waiting = [...turns.values()].filter((phase) => phase === 'waiting').length;
  const parked = waiting + sleepers.size >= turns.size;
  return open ? parked && turns.size + sleepers.size > 0 : parked;
}

export function isOver({ open, turns, sleepers }: Progress): boolean {
  return !open && turns.size + sleepers.size === 0;
}

/** For the message about work that never rests. */
export function describe({ work, open, turns }: Progress): string {
  return `${work.label} (${open ? 'not answered' : 'answered'}, turns: ${[...turns.values()].join(', ') || 'none'})`;
}
