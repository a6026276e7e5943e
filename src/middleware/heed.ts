import type { Delivery } from './adapter.ts';
import { keyOf, type LifecycleActivity } from './core/activity.ts';
import { newRecord } from './core/conversation.ts';
import { pass } from './core/happening.ts';
import { transition } from './core/transition.ts';
import type { Engine } from './engine.ts';
import { type Job, newJob } from './job.ts';
import { patienceMs } from './shared.ts';

/** What a lifecycle activity means for the records it concerns, beside passing through. Nothing it meets stops the activity. */
export async function heed(engine: Engine, endpoint: string, delivery: Delivery, about: LifecycleActivity): Promise<void> {
  const { channel } = about;
  const policy = engine.settings.policy(channel, endpoint);
  const key = keyOf(about, endpoint, policy.scope);
  const place = { channel, endpoint, key: key ?? '', policy, waitMs: patienceMs, arrivedAt: engine.clock.now() };
  const job = newJob({ ...delivery, hosts: [] }, about, place);
  try {
    if (about.report) await engine.reported(job, about.report);
    if (key === undefined) return;
    if (about.means === 'renamed') await engine.rename(job);
    if (about.means === 'unreachable' || about.means === 'reachable') {
      for (const concerned of await keysOf(engine, about, key)) await changeContact(engine, { ...job, key: concerned }, about);
    }
  } catch (error) {
    engine.report(error, { channel, endpoint, key, user: about.user });
  }
}

/** Whoever is not in the records yet has nothing to lose. */
function changeContact(engine: Engine, job: Job, about: LifecycleActivity) {
  const why = about.report?.message.replace('failed:', '') ?? about.type;
  const unreachable = about.means === 'unreachable' ? why : undefined;
  return engine.change(job, (record) =>
    record === null
      ? pass({ record: newRecord(), events: [] })
      : transition(record, { type: 'contact', unreachable, at: about.at }, job.policy, engine.clock.now()),
  );
}

/** The record itself; where the bot leaves or comes back to a shared conversation, everybody's in it. */
async function keysOf(engine: Engine, about: LifecycleActivity, key: string): Promise<string[]> {
  const keys = [key];
  if (about.user !== undefined || about.conversation?.kind !== 'shared') return keys;
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await engine.store.find({ prefix: `${key}/`, ...(after === undefined ? {} : { after }) });
    keys.push(...page.records.map((one) => one.key));
    after = page.next;
  }
  return keys;
}
