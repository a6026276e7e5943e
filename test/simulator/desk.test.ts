import { describe, expect, it } from 'vitest';
import { ScenarioError } from '../../src/simulator/scenario/format.ts';
import { readScenario } from '../../src/simulator/scenario/validate.ts';
import { paperVendor, playOnPaper } from './paper.ts';

const timers = { reassignAfter: 10, replyWithin: 30, warnBefore: 5, closeAfter: 60, closingMessage: 'Thank you, bye' };
const staffed = { agents: ['A', 'B', 'C'], organization: { agents: timers } };
const ada = { user: 'ada', endpoint: 'desk' };
const calendar = { zone: 'Europe/Berlin', hours: { mon: ['09:00-12:30', '13:30-17:00'] }, holidays: ['2026-12-25'] };

const says = (at: string, text: string) => ({ at, ...ada, says: text });
const does = (at: string, what: string, agent?: string, more: object = {}) => ({
  at,
  does: what,
  ...(agent && { agent }),
  ...more,
});
const owner = (at: string, who: string | null) => ({ at, state: { ...ada, owner: who } });
const look = (at: string, ...expected: object[]) => ({ at, expect: expected });

/** Plays steps on one endpoint with three agents. */
const play = (...steps: object[]) => playOnPaper({ ...staffed, steps: [says('10:00:00', 'hi'), ...steps] });

describe('agents in a scenario', () => {
  it('are handed over to, reassigned, warned, late, and their silence closes the session', async () => {
    const { events, mismatches } = await play(
      does('10:10:00', 'handoff', 'A', { user: 'ada' }),
      owner('10:10:00', 'A'),
      does('10:45:00', 'replies', 'C', { user: 'ada', says: 'Hello' }),
      owner('10:45:00', 'C'),
      look('11:45:00'),
    );
    expect(mismatches).toEqual([]);
    const session = events.find(({ event }) => event === 'opened')?.['session'];
    const at = (time: string) => ({ at: `2026-11-02T${time}.000Z`, ...ada, channel: 'paper' });
    expect(events.slice(3)).toEqual([
      { ...at('10:20:00'), event: 'reassigned', session, from: 'A', agent: 'B' },
      { ...at('10:30:00'), event: 'reassigned', session, from: 'B', agent: 'C' },
      { ...at('10:35:00'), event: 'warned', session, to: 'agent', agent: 'C' },
      { ...at('10:40:00'), event: 'overdue', session, agent: 'C', dueAt: at('10:40:00').at },
      { ...at('10:45:00'), event: 'received', text: 'Hello' },
      { ...at('11:45:00'), event: 'received', text: 'Thank you, bye' },
      {
        ...at('11:45:00'),
        event: 'closed',
        session,
        reason: 'agent_inactivity',
        endedAt: at('11:45:00').at,
        closedAt: at('11:45:00').at,
        message: 'sent',
        interactive: true,
        developer: false,
        billable: true,
        turns: 1,
      },
    ]);
  });

  it('take what is in the queue, answer in words of their own if the file has none, and give it back', async () => {
    const { events, mismatches } = await play(
      does('10:01:00', 'handoff', undefined, ada),
      owner('10:01:00', 'queue'),
      does('10:02:00', 'takes', 'B', ada),
      owner('10:02:00', 'agent'),
      owner('10:02:00', 'B'),
      says('10:03:00', 'to a person'),
      does('10:04:00', 'replies', 'B', ada),
      does('10:05:00', 'returns', 'B', ada),
      owner('10:05:00', 'bot'),
      says('10:06:00', 'to the bot'),
    );
    expect(mismatches).toEqual([]);
    const received = events.filter(({ event }) => event === 'received').map((one) => one['text']);
    expect(received).toEqual(['#1 hi', 'This is B.', '#2 to the bot']);
  });

  it('get nothing while they are offline', async () => {
    const { mismatches } = await play(
      does('10:01:00', 'goesOffline', 'A'),
      does('10:02:00', 'handoff', 'A', ada),
      owner('10:03:00', 'queue'),
      does('10:04:00', 'comesOnline', 'A'),
      owner('10:04:00', 'A'),
    );
    expect(mismatches).toEqual([]);
  });

  it('are known in every process', async () => {
    const { mismatches } = await playOnPaper({
      ...staffed,
      processes: 2,
      steps: [
        says('10:00:00', 'hi'),
        does('10:01:00', 'handoff', 'queue', { ...ada, process: 2 }),
        does('10:02:00', 'takes', 'C', { ...ada, process: 2 }),
        owner('10:02:00', 'C'),
      ],
    });
    expect(mismatches).toEqual([]);
  });

  it('that cannot do what they are to leave the error in the list', async () => {
    const { events } = await play(
      does('10:01:00', 'goesOffline', 'A'),
      does('10:02:00', 'takes', 'A', ada),
      does('10:03:00', 'replies', 'B', { user: 'bo', endpoint: 'desk' }),
    );
    expect(events.filter(({ event }) => event === 'error')).toEqual([
      { at: '2026-11-02T10:02:00.000Z', event: 'error', ...ada, channel: 'paper', code: 'ADJ_NO_AGENT' },
      { at: '2026-11-02T10:03:00.000Z', event: 'error', ...ada, user: 'bo', channel: 'paper', code: 'ADJ_NO_SESSION' },
    ]);
  });

  it('who is not the owner is told as a mismatch', async () => {
    const { mismatches } = await play(does('10:01:00', 'handoff', 'A', ada), owner('10:01:00', 'B'), owner('10:01:00', 'bot'));
    expect(mismatches.map(({ expected }) => expected)).toEqual(['{"owner":"B"}', '{"owner":"bot"}']);
    expect(mismatches[0]?.got).toContain('"owner":"agent","agent":"A"');
  });
});

describe('agents and working time of a file', () => {
  const base = { name: 'a file', start: '2026-11-02T10:00:00Z', endpoints: { desk: { channel: 'paper' } } };
  const read = (file: object) => readScenario({ ...base, steps: [], ...file }, [paperVendor]);
  const wrong = (file: object): string => {
    try {
      read(file);
    } catch (error) {
      if (error instanceof ScenarioError) return error.message;
      throw error;
    }
    return 'nothing';
  };
  const step = (one: object) => ({ ...staffed, steps: [{ at: '10:00', ...one }] });

  it('makes the calendar the organisation’s, whatever a change says of its other timers', () => {
    const { organization, steps } = read({
      calendar,
      organization: { agents: { replyWithin: 30 } },
      steps: [{ at: '10:00', settings: { organization: { agents: { replyWithin: 60 } } } }],
    });
    expect(organization).toEqual({ agents: { replyWithin: 30, calendar } });
    expect(steps).toMatchObject([{ change: { organization: { agents: { replyWithin: 60, calendar } } } }]);
  });

  it('lets the one endpoint of a file go without saying, and knows two ways to the queue', () => {
    const { steps } = read(step({ agent: 'queue', does: 'handoff', user: 'ada' }));
    expect(steps).toEqual(read(step({ does: 'handoff', user: 'ada', endpoint: 'desk', process: 1 })).steps);
  });

  it.each<[string, object, string]>([
    ['agents that are no list', { agents: 'A' }, 'agents: must be a list, not "A".'],
    ['agents that are no texts', { agents: ['A', 1] }, 'agents: must be a list of texts.'],
    ['an agent without a name', { agents: [''] }, 'agents[0]: must be a text, the id of an agent.'],
    ['two agents of one name', { agents: ['A', 'B', 'A'] }, 'agents[2]: "A" is named twice.'],
    ['an agent called like the queue', { agents: ['queue'] }, 'agents[0]: "queue" says who owns a conversation'],
    ['a calendar without a zone', { calendar: { hours: {} } }, 'calendar.zone: is missing; it must be a text.'],
    [
      'a day no week has',
      { calendar: { ...calendar, hours: { monday: [] } } },
      'calendar.hours.monday: there is no "monday" here',
    ],
    ['hours that are no list', { calendar: { ...calendar, hours: { mon: '9-17' } } }, 'calendar.hours.mon: must be a list'],
    ['holidays that are no texts', { calendar: { ...calendar, holidays: [1] } }, 'calendar.holidays: must be a list of texts.'],
    [
      'a zone nobody lives in',
      {
        calendar: { ...calendar, zone: 'Europe/Atlantis' },
        endpoints: { desk: { channel: 'paper', agents: { closeAfter: 5 } } },
      },
      'calendar: "Europe/Atlantis" is no zone',
    ],
    [
      'hours that are no hours',
      { calendar, endpoints: { desk: { channel: 'paper', agents: { calendar: { zone: 'UTC', hours: { mon: ['9-17'] } } } } } },
      'endpoints.desk.agents.calendar: hours.mon: "9-17" is no span',
    ],
    ['two calendars', { calendar, organization: { agents: { calendar } } }, 'calendar: stands in organization.agents already.'],
    [
      'a timer nobody has',
      { organization: { agents: { reassign: 10 } } },
      'organization.agents.reassign: there is no "reassign" here',
    ],
    [
      'a warning that is not before the reply is due',
      { organization: { agents: { replyWithin: 30 } }, endpoints: { desk: { channel: 'paper', agents: { warnBefore: 30 } } } },
      'endpoints.desk.agents.warnBefore: 30 min before is not before a reply that is due within 30 min.',
    ],
    [
      'a duration that is none',
      { organization: { agents: { closeAfter: 'soon' } }, endpoints: { desk: { channel: 'paper', agents: { replyWithin: 5 } } } },
      'organization.agents.closeAfter: "soon" is not a duration.',
    ],
    [
      'an owner nobody is',
      step({ state: { ...ada, owner: 'Z' } }),
      'steps[0].state.owner: must be one of "bot", "queue", "agent", "A", "B", "C", not "Z".',
    ],
    ['an agent who does nothing', step({ agent: 'A', user: 'ada' }), 'steps[0].does: is missing'],
    ['what no agent does', step({ agent: 'A', does: 'sleeps' }), 'steps[0].does: must be one of "takes"'],
    ['an agent the file has not', step({ agent: 'Z', does: 'takes', user: 'ada' }), 'steps[0].agent: the file has no agent "Z".'],
    ['nobody who takes', step({ does: 'takes', user: 'ada' }), 'steps[0].agent: is missing'],
    ['nobody to take over from', step({ agent: 'A', does: 'takes' }), 'steps[0].user: is missing'],
    [
      'words where none are said',
      step({ agent: 'A', does: 'takes', ...ada, says: 'Hello' }),
      'steps[0].says: there is no "says"',
    ],
    ['presence in one conversation', step({ agent: 'A', does: 'goesOffline', ...ada }), 'steps[0].user: there is no "user" here'],
    [
      'a process the file has not',
      step({ agent: 'A', does: 'comesOnline', process: 2 }),
      'steps[0].process: the file has no process 2.',
    ],
    [
      'an endpoint that goes without saying where there are two',
      {
        ...step({ agent: 'A', does: 'takes', user: 'ada' }),
        endpoints: { one: { channel: 'paper' }, two: { channel: 'paper' } },
      },
      'steps[0].endpoint: is missing',
    ],
    [
      'agents in an overlap',
      step({ together: [{ agent: 'A', does: 'takes', ...ada }] }),
      'steps[0].together[0].does: only deliveries',
    ],
  ])('%s', (_what, file, message) => {
    expect(wrong(file)).toContain(message);
  });
});
