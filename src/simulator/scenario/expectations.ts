import { checkOwner } from './agents.ts';
import { type Expectation, type ExpectedContact, type ExpectedState, type Expects, ScenarioError } from './format.ts';
import { eventFields, eventNames } from './lines.ts';
import { lineFields, sessionFields } from './profile.ts';
import type { Reader } from './read.ts';
import { endpointOf, placeOf, type Surroundings } from './surroundings.ts';

/** What a state can be expected of. */
const stateFields = ['live', 'session', 'turns', 'owner', 'deadline', 'interactive', 'developer', 'variables', 'tags'];

/** The entries of an `expect` step. A `state` stands beside `expect` or among its entries, a `contact` among its entries. */
export function readExpectations(step: Reader, around: Surroundings): Expects {
  const entries: Expectation[] = step.has('expect')
    ? step.objects('expect').map((entry) => {
        if (entry.has('contact')) {
          entry.only('contact');
          return readContact(entry.object('contact'), around);
        }
        if (!entry.has('state')) return readEvent(entry);
        entry.only('state');
        return readState(entry.object('state'), around);
      })
    : [];
  if (step.has('state')) entries.push(readState(step.object('state'), around));
  return { verb: 'expect', closesWindow: step.has('expect'), ordered: step.flag('ordered'), entries };
}

function readEvent(entry: Reader): Expectation {
  entry.oneOf('event', eventNames);
  entry.only('event', 'times', 'no', ...eventFields);
  if (entry.has('no') && entry.has('times')) throw new ScenarioError(entry.path, '"no" and "times" exclude each other.');
  const times = entry.flag('no') ? 0 : entry.has('times') ? entry.count('times', 0, 1) : 'some';
  return { about: 'event', path: entry.path, fields: fieldsOf(entry, [...eventFields, 'event']), times };
}

function readState(state: Reader, around: Surroundings): ExpectedState {
  state.only('user', 'endpoint', ...stateFields);
  refuseUntellable(state, around);
  checkOwner(state, around);
  return {
    about: 'state',
    path: state.path,
    user: state.text('user'),
    endpoint: endpointOf(state, around).endpoint,
    fields: fieldsOf(state, stateFields),
  };
}

function readContact(contact: Reader, around: Surroundings): ExpectedContact {
  contact.only('user', 'endpoint', 'sessions');
  refuseUntellable(contact, around);
  return {
    about: 'contact',
    path: contact.path,
    ...placeOf(contact, around, 'user'),
    sessions: contact.objects('sessions').map((session) => {
      session.only(...sessionFields, 'transcript');
      const lines = session.has('transcript') ? session.objects('transcript') : undefined;
      for (const line of lines ?? []) line.only(...lineFields);
      return { fields: fieldsOf(session, sessionFields), transcript: lines?.map((line) => fieldsOf(line, lineFields)) };
    }),
  };
}

/** What an entry says of some fields. */
function fieldsOf(entry: Reader, fields: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(entry.keys.filter((name) => fields.includes(name)).map((name) => [name, entry.raw(name)]));
}

function refuseUntellable({ path }: Reader, { dead, processes }: Surroundings): void {
  if (dead.size === processes) throw new ScenarioError(path, 'no process is alive then that could tell.');
}
