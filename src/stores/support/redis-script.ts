import { createHash } from 'node:crypto';

/**
 * A Lua script: one round trip, and nothing else runs in Redis meanwhile. All keys come in `KEYS` and every command has its name in
 * plain sight, so clusters and managed servers take them.
 */
export interface Script {
  readonly source: string;
  readonly sha: string;
  /** Whether it may be sent again when nobody knows if it ran. */
  readonly repeatable: boolean;
}

export function script(...parts: string[]): Script {
  const source = parts.join('\n');
  return { source, sha: createHash('sha1').update(source).digest('hex'), repeatable: true };
}

/** For one whose second run would find its work done by the first, and take that for a refusal. */
export const once = (one: Script): Script => ({ ...one, repeatable: false });
