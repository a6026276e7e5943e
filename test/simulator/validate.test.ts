import { describe, expect, it } from 'vitest';
import { ScenarioError } from '../../src/simulator/scenario/format.ts';
import { readScenario } from '../../src/simulator/scenario/validate.ts';
import { paperVendor } from './paper.ts';

const base = { name: 'a file', start: '2026-11-02T10:00:00Z', endpoints: { desk: { channel: 'paper' } }, steps: [] as unknown[] };
const says = { at: '10:00:00', user: 'ada', endpoint: 'desk', says: 'hi' };
const dies = { at: '10:00', process: 1, dies: true };
const restarts = { at: '10:00', process: 1, restarts: true };

const read = (file: object) => readScenario(file, [paperVendor]);

/** What is wrong with a file, as its author reads it. */
function wrong(file: object): string {
  try {
    read(file);
  } catch (error) {
    if (error instanceof ScenarioError) return error.message;
    throw error;
  }
  return 'nothing';
}

describe('when steps happen', () => {
  const times = (start: string, ...ats: string[]) =>
    read({ ...base, start, steps: ats.map((at) => ({ ...says, at })) }).steps.map(({ at }) =>
      new Date(at).toISOString().slice(0, 23),
    );

  it('reads clock times in the offset of the start, each the first one not before the step before', () => {
    expect(times('2026-11-02T10:00:00+02:00', '10:00', '10:29:59.999', '09:00:00')).toEqual([
      '2026-11-02T08:00:00.000',
      '2026-11-02T08:29:59.999',
      '2026-11-03T07:00:00.000',
    ]);
  });

  it('reads instants, and spans after the step before', () => {
    expect(times('2026-11-02T10:00:00Z', '+31m', '+90s', '+5ms', '2026-11-02T12:00:00+01:00')).toEqual([
      '2026-11-02T10:31:00.000',
      '2026-11-02T10:32:30.000',
      '2026-11-02T10:32:30.005',
      '2026-11-02T11:00:00.000',
    ]);
  });

  it('lets processes die and start again, and deliveries go to dead ones', () => {
    const { steps } = read({ ...base, steps: [dies, says, restarts, dies] });
    expect(steps.map(({ verb }) => verb)).toEqual(['dies', 'acts', 'restarts', 'dies']);
  });

  it('takes a clock time in writtenAt for the last one not after the step', () => {
    const [step] = read({ ...base, start: '2026-11-02T00:05:00Z', steps: [{ ...says, at: '00:10', writtenAt: '23:55' }] }).steps;
    expect(step).toMatchObject({ writtenAt: Date.parse('2026-11-01T23:55:00Z') });
  });
});

/** The file with other settings of its one endpoint, and of the organisation. */
const set = (settings: object, organization: object = {}) => ({
  ...base,
  organization,
  endpoints: { desk: { channel: 'paper', ...settings } },
});
const change = (settings: object) => ({ ...set({ expiration: 20 }), steps: [{ at: '10:00', settings }] });

describe('how sessions close', () => {
  const proactive = { closing: 'proactive' };

  it('is read with every setting of an endpoint', () => {
    const settings = {
      ...proactive,
      closingMessage: { default: ['Bye', 'So long'], de: 'Tschüss' },
      closingMessageTo: 'all',
      sendRate: 5,
      inbox: 'durable',
      warnings: [{ before: '90s', message: 'Still there?' }],
      continueWithin: null,
      maxDuration: '2h',
      maxTurns: 50,
      clearAuthProfiles: true,
      carryOver: ['cart'],
      expirationRange: { min: 5, max: 60 },
    };
    expect(read(set(settings)).endpoints).toEqual({ desk: { channel: 'paper', settings, test: {} } });
  });

  it('is read with the organisation’s channels', () => {
    const organization = { ...proactive, closingMessage: 'Bye', channels: { exclude: ['paper'] } };
    expect(read(set({}, organization)).organization).toEqual(organization);
  });

  it('is read with the functions that a test wants', () => {
    const test = (functions: object) => read(set({ test: functions })).endpoints['desk']?.test;
    expect(test({ classifyReturn: 'same', onClosing: 'throws', script: 'slow' })).toEqual({
      classifyReturn: 'same',
      onClosing: 'throws',
      script: 'slow',
    });
    expect(test({ onClosing: 'extend 10' })).toEqual({ onClosing: { extendByMs: 600_000 } });
    expect(test({ onClosing: 'extend 90s' })).toEqual({ onClosing: { extendByMs: 90_000 } });
  });

  it.each<[string, object, string]>([
    ['a message without a proactive close', set({ closingMessage: 'Bye' }), 'endpoints.desk.closingMessage: A lazy close'],
    [
      'the same of the organisation',
      set({}, { closingMessage: 'Bye' }),
      'organization.closingMessage: A lazy close happens when the user is back',
    ],
    ['an empty message', set({ ...proactive, closingMessage: [] }), 'endpoints.desk.closingMessage: It holds an empty text.'],
    ['no message at all', set({ ...proactive, closingMessage: 7 }), 'endpoints.desk.closingMessage: It holds an empty text.'],
    ['another way to close', set({ closing: 'never' }), 'endpoints.desk.closing: must be one of "lazy", "proactive"'],
    ['somebody else to tell', set({ closingMessageTo: 'nobody' }), 'endpoints.desk.closingMessageTo: must be one of'],
    [
      'a warning after the deadline',
      set({ warnings: [{ before: 30, message: 'Soon' }] }),
      'endpoints.desk.warnings[0]: 30 min before is not before a deadline of 30 min.',
    ],
    ['warnings that are no list', set({ warnings: 'Soon' }), 'endpoints.desk.warnings: must be a list'],
    ['a warning that is none', set({ warnings: ['Soon'] }), 'endpoints.desk.warnings[0]: must be an object.'],
    ['a misspelt warning', set({ warnings: [{ befor: 5 }] }), 'endpoints.desk.warnings[0].befor: there is no "befor" here'],
    ['a warning at no time', set({ warnings: [{ before: 'soon', message: 'x' }] }), 'endpoints.desk.warnings[0]: "soon" is not'],
    ['a span that is none', set({ continueWithin: 'long' }), 'endpoints.desk.continueWithin: "long" is not a duration.'],
    ['a rate that is none', set({ sendRate: 'fast' }), 'endpoints.desk.sendRate: fast is not a number of messages a second.'],
    ['another inbox', set({ inbox: 'full' }), 'endpoints.desk.inbox: must be one of "durable", "off"'],
    ['half a turn', set({ maxTurns: 1.5 }), 'endpoints.desk.maxTurns: 1.5 is not a number of turns.'],
    ['a flag that is none', set({ clearAuthProfiles: 'yes' }), 'endpoints.desk.clearAuthProfiles: must be true or false'],
    ['carrying over numbers', set({ carryOver: [1] }), 'endpoints.desk.carryOver: must be a list of texts.'],
    ['carrying over some', set({ carryOver: 'some' }), 'endpoints.desk.carryOver: must be a list'],
    ['half a range', set({ expirationRange: { min: 5 } }), 'endpoints.desk.expirationRange.max: must be a duration.'],
    [
      'an expiration outside of its range',
      set({ expiration: 3, expirationRange: { min: 5, max: 60 } }),
      'endpoints.desk.expiration: 3 min is outside the range',
    ],
    ['channels of an endpoint', set({ channels: { exclude: [] } }), 'endpoints.desk.channels: there is no "channels" here'],
    [
      'channels both ways',
      set({}, { channels: { include: [], exclude: [] } }),
      'organization.channels: must have either "include" or "exclude".',
    ],
    [
      'channels without names',
      set({}, { channels: { include: [1] } }),
      'organization.channels.include: must be a list of texts.',
    ],
    ['a classifier nobody has', set({ test: { classifyReturn: 'maybe' } }), 'endpoints.desk.test.classifyReturn: must be one of'],
    [
      'a hook nobody has',
      set({ test: { onClosing: 'extend' } }),
      'endpoints.desk.test.onClosing: must be one of "throws", "slow"',
    ],
    ['a span that extends nothing', set({ test: { onClosing: 'extend 0' } }), 'endpoints.desk.test.onClosing: "0" is no time'],
    ['a function nobody has', set({ test: { onClose: 'slow' } }), 'endpoints.desk.test.onClose: there is no "onClose" here'],
  ])('is refused with %s', (_what, file, message) => {
    expect(wrong(file)).toContain(message);
  });
});

describe('a change of settings', () => {
  it('holds what it names', () => {
    const settings = { organization: { maxExpiration: 60 }, endpoints: { desk: { expiration: 10 } } };
    expect(read(change(settings)).steps).toMatchObject([{ verb: 'settings', change: settings }]);
  });

  it.each<[string, object, string]>([
    ['of something else', { channels: {} }, 'steps[0].settings.channels: there is no "channels" here'],
    [
      'of an endpoint nobody knows',
      { endpoints: { attic: {} } },
      'steps[0].settings.endpoints.attic: there is no endpoint "attic".',
    ],
    ['of a channel', { endpoints: { desk: { channel: 'paper' } } }, 'steps[0].settings.endpoints.desk.channel: there is no'],
    ['to a bad value', { endpoints: { desk: { expiration: -1 } } }, 'steps[0].settings.endpoints.desk.expiration: -1 is not'],
    [
      'that does not go with what stands',
      { organization: { warnings: [{ before: 25, message: 'Soon' }] } },
      'steps[0].settings.organization.warnings[0]: 25 min before is not before a deadline of 20 min.',
    ],
  ])('is refused %s', (_what, settings, message) => {
    expect(wrong(change(settings))).toContain(message);
  });

  it('goes with the changes before it', () => {
    const steps = [{ closing: 'proactive' }, { closingMessage: 'Bye' }].map((desk, index) => ({
      at: `10:0${index}`,
      settings: { endpoints: { desk } },
    }));
    expect(wrong({ ...base, steps })).toBe('nothing');
    expect(wrong({ ...base, steps: steps.slice(1) })).toContain('steps[0].settings.endpoints.desk.closingMessage: A lazy close');
  });
});

describe('the worker', () => {
  it('is that of every process, or of one', () => {
    const steps = [
      { at: '10:00', worker: 'stops' },
      { at: '10:01', worker: 'starts', process: 2 },
    ];
    expect(read({ ...base, processes: 2, steps }).steps).toMatchObject([
      { worker: 'stops', process: undefined },
      { worker: 'starts', process: 2 },
    ]);
  });

  it.each<[string, object, string]>([
    ['does something else', { worker: 'naps' }, 'steps[0].worker: must be one of "stops", "starts"'],
    ['of a process nobody starts', { worker: 'stops', process: 2 }, 'steps[0].process: the file has no process 2.'],
    ['overlaps with something', { together: [{ worker: 'stops' }] }, 'steps[0].together[0].worker: only deliveries can overlap.'],
  ])('is refused where it %s', (_what, step, message) => {
    expect(wrong({ ...base, steps: [{ at: '10:00', ...step }] })).toContain(message);
  });
});

describe('a file that is wrong', () => {
  it.each<[string, object, string]>([
    ['no start', { ...base, start: undefined }, 'start: must be a text, not undefined.'],
    [
      'a start without offset',
      { ...base, start: '2026-11-02T10:00:00' },
      'start: must be an ISO instant with its offset, not "2026-11-02T10:00:00".',
    ],
    ['no endpoints', { ...base, endpoints: {} }, 'endpoints: must name at least one endpoint.'],
    [
      'a channel nobody knows',
      { ...base, endpoints: { desk: { channel: 'fax' } } },
      'endpoints.desk.channel: must be one of "paper", not "fax".',
    ],
    [
      'a setting nobody knows',
      { ...base, endpoints: { desk: { channel: 'paper', warning: [] } } },
      'endpoints.desk.warning: there is no "warning" here',
    ],
    [
      'a setting with a bad value',
      { ...base, endpoints: { desk: { channel: 'paper', expiration: -1 } } },
      'endpoints.desk.expiration: -1 is not a duration',
    ],
    [
      'commands that are none',
      { ...base, endpoints: { desk: { channel: 'paper', commands: 'stop' } } },
      'endpoints.desk.commands: must be an object.',
    ],
    [
      'developers that are none',
      { ...base, endpoints: { desk: { channel: 'paper', developer: 'ada' } } },
      'endpoints.desk.developer: must be true, false or a list of people.',
    ],
    [
      'a message from the future',
      { ...base, steps: [{ ...says, writtenAt: '2026-11-02T10:00:01Z' }] },
      'steps[0].writtenAt: "2026-11-02T10:00:01Z" is no clock time or ISO instant before the step.',
    ],
    ['a bad cap', { ...base, organization: { maxExpiration: 'soon' } }, 'organization.maxExpiration: "soon" is not a duration'],
    [
      'a step that goes back',
      { ...base, steps: [{ ...says, at: '2026-11-02T09:59:59Z' }] },
      'steps[0].at: "2026-11-02T09:59:59Z" goes back in time.',
    ],
    ['a step at no time', { ...base, steps: [{ ...says, at: 'noon' }] }, 'steps[0].at: "noon" is no clock time'],
    ['a step without a verb', { ...base, steps: [{ at: '10:00', user: 'ada' }] }, 'steps[0]: has no verb'],
    ['a step with two verbs', { ...base, steps: [{ ...says, taps: 'x' }] }, 'steps[0]: has two verbs, "says" and "taps".'],
    [
      'an endpoint nobody knows',
      { ...base, steps: [{ ...says, endpoint: 'attic' }] },
      'steps[0].endpoint: there is no endpoint "attic".',
    ],
    ['a misspelt field', { ...base, steps: [{ ...says, procces: 1 }] }, 'steps[0].procces: there is no "procces" here'],
    [
      'a process nobody starts',
      { ...base, processes: 2, steps: [{ ...says, process: 3 }] },
      'steps[0].process: the file has no process 3.',
    ],
    [
      'an act the channel does not have',
      { ...base, steps: [{ at: '10:00', user: 'ada', endpoint: 'desk', reacts: true }] },
      'steps[0].reacts: "reacts" does not exist on paper.',
    ],
    [
      'a redelivery of nothing',
      { ...base, steps: [{ at: '10:00', redelivers: 'm1' }] },
      'steps[0].redelivers: no delivery before this one has the id "m1".',
    ],
    [
      'one id for two deliveries',
      {
        ...base,
        steps: [
          { ...says, id: 'm1' },
          { ...says, id: 'm1' },
        ],
      },
      'steps[1].id: "m1" names another delivery already.',
    ],
    [
      'time inside together',
      { ...base, steps: [{ at: '10:00', together: [says] }] },
      'steps[0].together[0].at: a step inside "together" has no time of its own.',
    ],
    [
      'an event nobody knows',
      { ...base, steps: [{ at: '10:00', expect: [{ event: 'oppened' }] }] },
      'steps[0].expect[0].event: must be one of',
    ],
    [
      'a field no event has',
      { ...base, steps: [{ at: '10:00', expect: [{ event: 'opened', sesion: 'x' }] }] },
      'steps[0].expect[0].sesion: there is no "sesion" here',
    ],
    [
      'no and times at once',
      { ...base, steps: [{ at: '10:00', expect: [{ event: 'opened', no: true, times: 2 }] }] },
      'steps[0].expect[0]: "no" and "times" exclude each other.',
    ],
    [
      'a state nobody has',
      { ...base, steps: [{ at: '10:00', state: { user: 'ada', endpoint: 'desk', mood: 1 } }] },
      'steps[0].state.mood: there is no "mood" here',
    ],
    [
      'a fault nobody has',
      { ...base, steps: [{ at: '10:00', vendor: 'paper', fails: '404' }] },
      'steps[0].fails: must be one of',
    ],
    [
      'no span to work for',
      { ...base, steps: [{ at: '10:00', user: 'ada', endpoint: 'desk', bot: 'works', for: 'long' }] },
      'steps[0].for: must be a duration such as "30s".',
    ],
    ['a half death', { ...base, steps: [{ at: '10:00', dies: 'slowly' }] }, 'steps[0].dies: must be true, not "slowly".'],
    ['a death of nobody', { ...base, steps: [{ at: '10:00', process: 2, dies: true }] }, 'the file has no process 2.'],
    ['two deaths of one process', { ...base, steps: [dies, dies] }, 'steps[1]: process 1 is dead then.'],
    ['a restart of the living', { ...base, steps: [restarts] }, 'steps[0]: process 1 has not died.'],
    ['a worker of the dead', { ...base, steps: [dies, { at: '10:00', worker: 'stops', process: 1 }] }, 'process 1 is dead then.'],
    [
      'a bot of the dead',
      { ...base, steps: [dies, { at: '10:00', user: 'ada', endpoint: 'desk', bot: 'starts' }] },
      'steps[1]: process 1 is dead then.',
    ],
    [
      'a state that nobody can tell',
      { ...base, steps: [dies, { at: '10:00', state: { user: 'ada', endpoint: 'desk', live: true } }] },
      'steps[1].state: no process is alive then that could tell.',
    ],
    [
      'a death that overlaps',
      { ...base, steps: [{ at: '10:00', together: [{ dies: true }] }] },
      'steps[0].together[0].dies: only deliveries can overlap.',
    ],
  ])('%s', (_what, file, message) => {
    expect(wrong(file)).toContain(message);
  });
});
