import { checkOwner } from './agents.ts';
import { type Expectation, type ExpectedState, type Expects, ScenarioError } from './format.ts';
import { eventFields, eventNames } from './lines.ts';
import { type Reader, reader } from './read.ts';
import { endpointOf, type Surroundings } from './surroundings.ts';

/** What a state can be expected of. */
const stateFields = ['live', 'session', 'turns', 'owner', 'deadline', 'interactive', 'developer', 'variables', 'tags'];

/** The entries of an `expect` step. A `state` stands beside `expect` or among its entries. */
export function readExpectations(step: Reader, around: Surroundings): Expects {
  const entries: Expectation[] = step.has('expect')
    ? step.list('expect').map((data, index) => {
        const entry = reader(data, `${step.at('expect')}[${index}]`);
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
  const names = entry.keys.filter((name) => name !== 'times' && name !== 'no');
  return { about: 'event', path: entry.path, fields: Object.fromEntries(names.map((name) => [name, entry.raw(name)])), times };
}

function readState(state: Reader, around: Surroundings): ExpectedState {
  state.only('user', 'endpoint', ...stateFields);
  if (around.dead.size === around.processes) throw new ScenarioError(state.path, 'no process is alive then that could tell.');
  checkOwner(state, around);
  const names = state.keys.filter((name) => stateFields.includes(name));
  return {
    about: 'state',
    path: state.path,
    user: state.text('user'),
    endpoint: endpointOf(state, around).endpoint,
    fields: Object.fromEntries(names.map((name) => [name, state.raw(name)])),
  };
}
