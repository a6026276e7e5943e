import type { Delivery } from './adapter.ts';
import { type DeliveryReport, keyOf, type LifecycleActivity } from './core/activity.ts';
import { type ConversationRecord, newRecord } from './core/conversation.ts';
import type { DeskChange } from './core/desk.ts';
import { activityTime } from './core/expiry.ts';
import { pass, type Transition } from './core/happening.ts';
import { transition } from './core/transition.ts';
import { deskElsewhere } from './desk-room.ts';
import type { Engine } from './engine.ts';
import { type Job, newJob, patienceMs } from './job.ts';
import { whereOf } from './shell.ts';

/** What a lifecycle activity means for the records it concerns, beside passing through. Nothing it meets stops the activity. */
export async function heed(engine: Engine, endpoint: string, delivery: Delivery, about: LifecycleActivity): Promise<void> {
  const { channel } = about;
  const policy = engine.settings.policy(channel, endpoint);
  const key = keyOf(about, endpoint, policy.scope);
  const place = { channel, endpoint, key: key ?? '', policy, waitMs: patienceMs, arrivedAt: engine.clock.now() };
  const job = newJob({ ...delivery, hosts: [] }, about, place);
  try {
    if (about.report) await reported(engine, job, about.report);
    if (key === undefined) return;
    if (about.means === 'renamed') await engine.rename(job);
    if (about.means === 'unreachable' || about.means === 'reachable') {
      for (const concerned of await keysOf(engine, about, key)) await changeContact(engine, { ...job, key: concerned }, about);
    }
    if (tellsOfPeople(about)) {
      for (const concerned of await keysOf(engine, about, key)) {
        await engine.change({ ...job, key: concerned }, (record) => atDesk(engine, job, record, about));
      }
    }
  } catch (error) {
    engine.report(error, { channel, endpoint, key, user: about.user });
  }
}

/** A vendor's later word on a closing message lands on the close's archive entry. */
async function reported(engine: Engine, job: Job, report: DeliveryReport): Promise<void> {
  const { closeId, message } = report;
  const { archive, clock } = engine;
  if (message !== 'sent') engine.tell(job, [{ type: 'send_failed', session: closeId, message }]);
  try {
    await archive?.amend(closeId, message);
  } catch (error) {
    engine.report(error, whereOf(job));
    // Vendors say it once: it waits with what else the archive is to be told.
    if (job.key !== '')
      await engine.change(job, (record) => pass({ record: stillToTell(record, report, clock.now()), events: [] }));
  }
}

/** The latest report on one close counts. Whoever is in no record any more wants none. */
function stillToTell(before: ConversationRecord | null, report: DeliveryReport, at: number): ConversationRecord {
  if (before === null) return newRecord();
  const id = `${report.closeId}:report`;
  const others = (before.outbox ?? []).filter((effect) => effect.id !== id);
  return { ...before, outbox: [...others, { id, at, report }] };
}

/** What people do beside us, in the vendor's own inbox or another app. */
type OfPeople = LifecycleActivity & { readonly means: (typeof ofPeople)[number] };

const ofPeople = ['agent_replied', 'handed_off', 'handed_back', 'customer_wrote'] as const;

function tellsOfPeople(about: LifecycleActivity): about is OfPeople {
  return ofPeople.some((means) => means === about.means);
}

/** It counts where their time is counted, or where the session is theirs already. */
function atDesk(engine: Engine, job: Job, before: ConversationRecord | null, about: OfPeople): Transition {
  const { policy, items, arrivedAt } = job;
  const record = before ?? newRecord();
  const { session } = record;
  if (session === undefined || !(policy.agents.on || session.handover)) return pass({ record, events: [] });
  // Nobody in particular is whoever has it already.
  const { agent = session.handover?.agent ?? 'somebody', elsewhere } = about;
  const desk = deskElsewhere(engine);
  const at = activityTime(about, arrivedAt, policy);
  const changes = {
    agent_replied: { do: 'answer', desk, agent, at },
    handed_off: { do: 'assign', desk, agent, chosenBy: 'agent', elsewhere },
    handed_back: { do: 'handBack' },
    customer_wrote: { do: 'write', desk, agent, at },
  } as const satisfies Record<OfPeople['means'], DeskChange>;
  return transition(record, { type: 'desk', change: changes[about.means], id: items[0]?.id }, policy, engine.clock.now());
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

/** The record itself; where something happens to a shared conversation as a whole, everybody's in it. */
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
