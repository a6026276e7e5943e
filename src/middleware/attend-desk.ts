import type { DeskChange } from './core/desk.ts';
import { type DeskDue, deskDue, type Wanted } from './core/desk-clock.ts';
import { doubtfulPlaces, hasFree, waitingPlaces } from './core/desk-record.ts';
import { agentRulesFor, isExpired } from './core/expiry.ts';
import type { SessionState } from './core/session.ts';
import { transition } from './core/transition.ts';
import { changeDesk, clearSeats, type DeskSetup, findAgent, readDesk } from './desk-room.ts';
import type { Engine } from './engine.ts';
import { isAdjournError } from './errors.ts';
import { type Job, patienceMs } from './job.ts';
import { keepAlive } from './lease.ts';
import { jobOutside } from './outside.ts';
import type { Held } from './records.ts';
import { realNow, type Shell, type Told } from './shell.ts';

/**
 * Does everything that is due at a desk for one conversation, under its lease, and saves it once.
 * @param offered somebody may be free now, if nobody was
 */
export async function attendDesk(shell: Shell, job: Job, held: Held, offered = false): Promise<void> {
  const told: Told[] = [];
  let { record } = held;
  for (let again = offered; ; ) {
    const { session } = record ?? {};
    const due = session && dueFor(session, job, shell.clock.now(), again);
    const desk = shell.desks.get(session?.handover?.desk ?? '');
    // Where this process does not know the desk, somebody who does will look when the claim is over.
    if (session === undefined || due === undefined || (due.do === 'assign' && desk === undefined)) break;
    if (due.do === 'assign') again = false;
    const change = due.do === 'assign' && desk ? await found(shell, desk, job, held, session, due) : lateness[due.do];
    const next = transition(record, { type: 'desk', change }, job.policy, shell.clock.now());
    if (next.record === record) break;
    told.push([next.events, realNow()]);
    record = next.record;
  }
  if (record === null || record === held.record) await shell.book.release(held.lease);
  else await shell.save(job, held, record, told);
}

function dueFor(session: SessionState, { policy }: Job, now: number, offered: boolean): DeskDue | undefined {
  if (session.closing !== undefined || isExpired(session, policy, now)) return undefined;
  return deskDue(session, agentRulesFor(session, policy), now, offered);
}

/** What becomes of what is due; where nobody is looked for, nobody is found. */
const lateness = {
  assign: { do: 'stick' },
  escalate: { do: 'escalate' },
  warn_agent: { do: 'warn' },
  miss: { do: 'miss' },
} as const satisfies Record<DeskDue['do'], DeskChange>;

async function found(
  shell: Shell,
  desk: DeskSetup,
  { key }: Job,
  { lease }: Held,
  session: SessionState,
  wanted: Wanted,
): Promise<DeskChange> {
  // The desk may keep us waiting; whether the lease was lost, the save will tell.
  const stop = keepAlive(shell.store, lease, () => {});
  try {
    const agent = await findAgent(shell, desk, key, session, wanted);
    return agent === undefined ? { do: 'stick' } : { do: 'assign', desk: desk.name, agent, chosenBy: 'desk' };
  } finally {
    stop();
  }
}

/**
 * Looks after a desk: into seats whose keeper may have died, and for somebody for the conversations that wait, the longest first.
 * What a crash or a busy conversation leaves undone is found by the next look, a minute later: the desk goes on asking for it.
 * @returns whether this process knows the desk
 */
export async function attendRoom(shell: Engine, name: string): Promise<boolean> {
  const desk = shell.desks.get(name);
  if (desk === undefined) return false;
  const before = await readDesk(shell, name);
  for (const key of doubtfulPlaces(before, shell.clock.now())) await clearSeats(shell, name, key);
  let record = await readDesk(shell, name);
  const { offers } = record;
  const busy: string[] = [];
  for (const key of offers === undefined ? [] : waitingPlaces(record)) {
    if (!hasFree(record, key, desk.capacities)) continue;
    if (!(await offer(shell, desk, key, 0))) busy.push(key);
    record = await readDesk(shell, name);
  }
  const late = await Promise.all(busy.map((key) => offer(shell, desk, key, patienceMs)));
  if (late.includes(false)) return true;
  await changeDesk(shell, name, ({ offers: now, ...rest }) => ({
    // Called for again meanwhile: they are offered again.
    record: now === offers ? rest : { ...rest, offers: now },
    result: undefined,
  }));
  return true;
}

/** Looks for somebody for a conversation that waits. @returns false where it stayed busy for longer than that */
async function offer(shell: Engine, desk: DeskSetup, key: string, waitMs: number): Promise<boolean> {
  const job = { ...jobOutside(shell, key, 'desk', undefined), waitMs };
  try {
    await shell.underLease(job, async (held, place) => {
      try {
        const handover = held.record?.session?.handover;
        const waits = handover?.desk === desk.name && handover.wait?.stuck !== undefined;
        if (waits) await attendDesk(shell, jobOutside(shell, place.key, 'desk', held.record?.address), held, true);
        else await shell.book.release(held.lease);
      } catch (error) {
        await shell.book.release(held.lease);
        throw error;
      }
    });
    return true;
  } catch (error) {
    if (isAdjournError(error, 'LEASE_TIMEOUT')) return false;
    throw error;
  }
}
