import { randomUUID } from 'node:crypto';
import type { Shell } from './shell.ts';
import { changeSystem, readSystem, type SystemRecord } from './system.ts';

/** A person with several conversations. */
interface PersonRecord extends SystemRecord {
  readonly keys: readonly string[];
}

/** Which person a conversation is with. */
interface PointerRecord extends SystemRecord {
  readonly person: string;
}

const personKind = 'person';
const pointerKind = 'identity';

/** The conversations with the same person as this one, itself first. @throws AdjournError `STORE_UNAVAILABLE` */
export async function linked(shell: Shell, key: string): Promise<string[]> {
  const pointer = await readSystem<PointerRecord>(shell, pointerKind, key);
  const person = pointer && (await readSystem<PersonRecord>(shell, personKind, pointer.person));
  // A pointer that a crash has left behind leads to a person who does not know it.
  if (!person?.keys.includes(key)) return [key];
  return [key, ...person.keys.filter((one) => one !== key)];
}

/** Makes two conversations one person's. The person is saved before whoever points to them, so a crash leaves nothing half true. */
export async function linkTogether(shell: Shell, key: string, other: string): Promise<void> {
  const both = [...(await linked(shell, key)), ...(await linked(shell, other))];
  const pointers = await Promise.all([key, other].map((one) => readSystem<PointerRecord>(shell, pointerKind, one)));
  const [person = randomUUID(), ...given] = pointers.flatMap((one) => (one === null ? [] : [one.person]));
  const keys = await changeSystem<PersonRecord, string[]>(shell, personKind, person, (record) => {
    const all = [...new Set([...(record?.keys ?? []), ...both])];
    return { record: { v: 1, keys: all }, result: all };
  });
  for (const one of keys) await point(shell, one, person);
  for (const gone of given) if (gone !== person) await leave(shell, gone, keys);
}

/** Takes a conversation, or all of a person's that are given, from their person. */
export async function unlink(shell: Shell, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const pointer = await readSystem<PointerRecord>(shell, pointerKind, key);
    if (pointer === null) continue;
    await leave(shell, pointer.person, [key]);
    await changeSystem<PointerRecord, void>(shell, pointerKind, key, () => ({ record: null, result: undefined }));
  }
}

function point(shell: Shell, key: string, person: string): Promise<void> {
  return changeSystem<PointerRecord, void>(shell, pointerKind, key, () => ({ record: { v: 1, person }, result: undefined }));
}

function leave(shell: Shell, person: string, keys: readonly string[]): Promise<void> {
  return changeSystem<PersonRecord, void>(shell, personKind, person, (record) => {
    const left = (record?.keys ?? []).filter((one) => !keys.includes(one));
    return { record: left.length === 0 ? null : { v: 1, keys: left }, result: undefined };
  });
}
