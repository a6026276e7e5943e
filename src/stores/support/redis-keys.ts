import { AdjournError } from '../../middleware/errors.ts';

/** Where one conversation lies in Redis. All its keys carry one hash tag, so a script may touch them together in a cluster. */
export interface Place {
  readonly key: string;
  /** The conversation's key as bytes can tell it apart; the member of the sets. */
  readonly name: string;
  readonly partition: number;
  /** What `KEYS` of its scripts begin with. */
  readonly keys: readonly [record: string, lease: string, queue: string];
  /** The two of its partition. */
  readonly sets: readonly [wakeUps: string, names: string];
}

/** The names of all keys under one prefix. */
export interface Places {
  of(key: string): Place;
  /** The sorted sets that list each partition's conversations by wake-up. */
  readonly wakeUps: readonly string[];
  /** The sorted sets that list each partition's conversations by name. */
  readonly names: readonly string[];
  /** What the channel of each process begins with. */
  readonly channels: string;
}

/** Enough to spread over the nodes of a large cluster, few enough to be asked all together. */
const partitions = 256;

/** @throws AdjournError `ADJ_CONFIG_INVALID` where the prefix would be taken for the hash tag. */
export function placesUnder(prefix: string): Places {
  if (/[{}]/.test(prefix)) {
    throw new AdjournError('ADJ_CONFIG_INVALID', 'The prefix holds a brace.', {
      where: 'redisStore prefix',
      hint: 'Braces mark the part of a key that chooses its node in a cluster; leave them out.',
    });
  }
  const every = (kind: string) => Array.from({ length: partitions }, (_, partition) => `${prefix}:{p${partition}}:${kind}`);
  const [wakeUps, names] = [every('wake'), every('names')];
  return {
    of(key) {
      const partition = partitionOf(key);
      const name = nameOf(key);
      const at = `${prefix}:{p${partition}}`;
      const keys = [`${at}:record:${name}`, `${at}:lease:${name}`, `${at}:queue:${name}`] as const;
      return { key, name, partition, keys, sets: [wakeUps[partition] ?? '', names[partition] ?? ''] };
    },
    wakeUps,
    names,
    channels: `${prefix}:handover:`,
  };
}

/** FNV-1a over the key's UTF-16 units, its halves folded together. */
function partitionOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash ^ (hash >>> 16) ^ (hash >>> 8)) & (partitions - 1);
}

/** UTF-8 has no half surrogates; they would all become the same replacement character. */
export function nameOf(key: string): string {
  const escaped = key.includes('\\') ? key.replaceAll('\\', '\\\\') : key;
  if (escaped.isWellFormed()) return escaped;
  return Array.from(escaped, (one) => (one.isWellFormed() ? one : `\\u${one.charCodeAt(0).toString(16)}`)).join('');
}

export function keyOf(name: string): string {
  return name.replace(/\\(?:\\|u([0-9a-f]{4}))/g, (_, unit?: string) =>
    unit === undefined ? '\\' : String.fromCharCode(Number.parseInt(unit, 16)),
  );
}
