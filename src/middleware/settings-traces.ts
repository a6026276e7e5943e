import { partsOf } from './core/activity.ts';
import type { ConversationRecord } from './core/conversation.ts';
import { type ContactNames, withoutContact } from './core/settings-traces.ts';
import type { Engine } from './engine.ts';
import type { SettingsSync } from './settings-sync.ts';

/** Takes a contact out of the settings changed while running, in all processes. @returns in how many places they were named */
export async function forgetInSettings({ read, update }: SettingsSync, names: ContactNames): Promise<number> {
  // Most contacts are named nowhere: what is only read holds nobody up.
  if (withoutContact(await read(), names).mentions === 0) return 0;
  let mentions = 0;
  await update((stored) => {
    const left = withoutContact(stored, names);
    mentions = left.mentions;
    return left.record;
  });
  return mentions;
}

/** What settings may know a contact by, as long as their records and their archive are there to tell. */
export async function contactNames(engine: Engine, keys: readonly string[]): Promise<ContactNames> {
  const all = new Set(keys);
  const users = new Map<string, Set<string>>();
  const note = (endpoint: string, user: string | undefined) => {
    if (user !== undefined) users.set(endpoint, (users.get(endpoint) ?? new Set()).add(user));
  };
  for (let left = keys; left.length > 0; ) {
    const { records } = await engine.store.find({ keys: left, limit: left.length });
    const found = records.map(({ key, record }) => ({ key, ...(record as unknown as ConversationRecord) }));
    for (const { key, address, names = [] } of found) {
      for (const one of names) all.add(one);
      if (address?.conversation?.kind === 'direct' || isTheirs(engine, key)) note(partsOf(key).endpoint, address?.user);
    }
    left = found.flatMap(({ movedTo }) => (movedTo === undefined || all.has(movedTo) ? [] : [movedTo]));
    for (const one of left) all.add(one);
  }
  const page = await engine.archive?.sessions({ keys: [...all] });
  for (const { key, endpoint, user } of page?.sessions ?? []) if (isTheirs(engine, key)) note(endpoint, user);
  for (const key of all) {
    const { endpoint, conversation, user } = partsOf(key);
    // A direct conversation is called by its user on many channels.
    note(endpoint, user ?? conversation);
  }
  return { keys: [...all], users: Object.fromEntries([...users].map(([endpoint, some]) => [endpoint, [...some]])) };
}

/** Whether a conversation has one user alone, whoever else takes part in it. */
function isTheirs({ settings }: Engine, key: string): boolean {
  const { channel, endpoint, user } = partsOf(key);
  return user !== undefined || settings.policy(channel, endpoint).scope === 'user';
}
