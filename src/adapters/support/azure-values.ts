import { part } from './wire.ts';

/** The channel's own time, epoch ms: a text on the wire, a `Date` where an SDK has read it. */
export function timeOf(activity: unknown): number | undefined {
  const stamp = part(activity, 'timestamp');
  const at = stamp instanceof Date ? stamp.getTime() : typeof stamp === 'string' ? Date.parse(stamp) : Number.NaN;
  return Number.isFinite(at) ? at : undefined;
}
