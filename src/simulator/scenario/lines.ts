import type { AdjournEvent, EventOrigin } from '../../middleware/events.ts';

/** One line of the list that a run makes. Times inside are ISO instants of virtual time. */
export type Line = Readonly<Record<string, unknown>> & { readonly at: string; readonly event: string };

/** Every name an event can have. */
export const eventNames: readonly string[] = [
  'delivered',
  'received',
  'opened',
  'resumed',
  'command',
  'closed',
  'duplicate',
  'late',
  'warned',
  'overdue',
  'reassigned',
  'escalated',
  'degraded',
  'save_failed',
  'error',
];

/** Fields whose values are instants. */
export const timeFields: ReadonlySet<string> = new Set(['at', 'endedAt', 'closedAt', 'deadline', 'dueAt']);

/** Fields that only events about people at the desk have; a close does not tell of them here. */
const agentFields: ReadonlySet<string> = new Set(['agent', 'from', 'to']);
const agentEvents: ReadonlySet<string> = new Set(['warned', 'overdue', 'reassigned', 'escalated']);

/** Every field a line can have beside `event`. */
export const eventFields: ReadonlySet<string> = new Set([
  ...timeFields,
  ...agentFields,
  ...['user', 'endpoint', 'channel', 'status', 'text', 'session', 'startReason', 'previous', 'command', 'reason', 'message'],
  ...['interactive', 'developer', 'billable', 'turns', 'outcome', 'finalisedBy', 'lateBy', 'code'],
]);

/** Who and where a line is about, as the scenario names them. */
export interface Place {
  readonly user?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly channel?: string | undefined;
}

/** A line as it goes to the list; fields without a value are left out. */
export function line(at: number, event: string, place: Place, fields: Readonly<Record<string, unknown>>): Line {
  const entries = Object.entries({ user: place.user, endpoint: place.endpoint, channel: place.channel, ...fields });
  return { at: iso(at), event, ...Object.fromEntries(entries.filter(([, value]) => value !== undefined)) };
}

/** An event of the middleware as data that can go from process to process. */
export interface Told extends EventOrigin {
  readonly type: string;
}

/** An error is no data; its code is told. */
export function toldOf(event: AdjournEvent): Told {
  return Object.fromEntries(Object.entries(event).filter(([name]) => name !== 'error')) as unknown as Told;
}

/** The line of an event of the middleware. */
export function lineOfEvent(event: Told, place: Place): Line {
  const given = event as unknown as Readonly<Record<string, unknown>>;
  const has = (name: string) => eventFields.has(name) && (agentEvents.has(event.type) || !agentFields.has(name));
  const own = Object.keys(given).filter((name) => has(name) && !placeFields.has(name));
  return line(event.at, event.type, place, Object.fromEntries(own.map((name) => [name, shown(name, given[name])])));
}

const placeFields = new Set(['at', 'user', 'endpoint', 'channel']);

function shown(name: string, value: unknown): unknown {
  return timeFields.has(name) && typeof value === 'number' ? iso(value) : value;
}

export function iso(at: number): string {
  return new Date(at).toISOString();
}

/** Collects lines as they come and gives them in order: by virtual time, then by when they really happened. */
export interface Timeline {
  /** @param stamp real time, high resolution, ms. @default now */
  add(line: Line, stamp?: number): void;
  /** What a person or the scenario did: no event, but part of the story. */
  note(line: Line): void;
  /** Every event so far. */
  events(): readonly Line[];
  /** Every event and note so far. */
  story(): readonly Line[];
  /** The events added since the last time this was asked. */
  fresh(): readonly Line[];
}

interface Entry {
  readonly line: Line;
  readonly stamp: number;
  readonly isNote: boolean;
}

export function timeline(): Timeline {
  const entries: Entry[] = [];
  let asked = 0;
  const add = (one: Line, isNote: boolean, stamp = performance.timeOrigin + performance.now()) => {
    entries.push({ line: one, stamp, isNote });
  };
  return {
    add: (one, stamp) => add(one, false, stamp),
    note: (one) => add(one, true),
    events: () => inOrder(entries.filter((entry) => !entry.isNote)),
    story: () => inOrder(entries),
    fresh() {
      const part = entries.slice(asked);
      asked = entries.length;
      return inOrder(part.filter((entry) => !entry.isNote));
    },
  };
}

function inOrder(entries: readonly Entry[]): readonly Line[] {
  return entries
    .toSorted((a, b) => Date.parse(a.line.at) - Date.parse(b.line.at) || a.stamp - b.stamp)
    .map((entry) => entry.line);
}
