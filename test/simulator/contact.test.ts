import { describe, expect, it } from 'vitest';
import { ScenarioError } from '../../src/simulator/scenario/format.ts';
import { readScenario } from '../../src/simulator/scenario/validate.ts';
import { paperVendor, playOnPaper } from './paper.ts';

const ada = { user: 'ada', endpoint: 'desk' };
const written = { endpoints: { desk: { channel: 'paper', transcripts: true } } };

const says = (at: string, text: string, more: object = {}) => ({ at, ...ada, says: text, ...more });
const profile = (at: string, ...sessions: object[]) => ({ at, expect: [{ contact: { ...ada, sessions } }] });
const user = (text: string) => ({ from: 'user', text });
const bot = (text: string) => ({ from: 'bot', text });
const erases = (at: string, more: object = {}) => ({ at, erases: 'ada', ...more });

describe('what is kept of a contact', () => {
  it('is every session, newest first, with what was said, whichever process heard it', async () => {
    const { mismatches } = await playOnPaper({
      ...written,
      processes: 2,
      agents: ['A'],
      steps: [
        says('10:00:00', 'one'),
        says('10:40:00', 'two', { process: 2 }),
        { at: '10:41:00', ...ada, agent: 'A', does: 'closes', outcome: 'resolved', process: 2 },
        says('10:42:00', 'three'),
        profile(
          '10:43:00',
          { state: 'live', turns: 1, reason: null },
          { state: 'closed', reason: 'agent', outcome: 'resolved', endedAt: '10:41:00', transcript: [user('two')] },
          {
            reason: 'inactivity',
            endedAt: '2026-11-02T10:30:00Z',
            transcript: [{ from: 'user', type: 'letter', delivery: null }],
          },
        ),
      ],
    });
    expect(mismatches).toEqual([]);
  });

  it('is nothing of somebody who has never written', async () => {
    expect((await playOnPaper({ steps: [profile('10:00:00')] })).mismatches).toEqual([]);
  });

  it.each<[string, ...object[]]>([
    ['one session too few'],
    ['one too many', { state: 'live' }, {}],
    ['another state', { state: 'closed' }],
    ['a line too few', { transcript: [] }],
    ['a line too many', { transcript: [user('hi'), bot('#1 hi')] }],
    ['another line', { transcript: [user('ho')] }],
    ['somebody else who said it', { transcript: [bot('hi')] }],
  ])('is not what the file says: %s', async (_what, ...sessions) => {
    const { mismatches } = await playOnPaper({ ...written, steps: [says('10:00:00', 'hi'), profile('10:01:00', ...sessions)] });
    expect(mismatches).toMatchObject([{ path: 'steps[1].expect[0].contact', expected: JSON.stringify(sessions) }]);
    expect(mismatches[0]?.got).toMatch(/^\n\{"state":"live".*"transcript":\[\{"from":"user","type":"letter","text":"hi"\}\]\}$/);
  });
});

describe('a contact who is erased', () => {
  it('leaves nothing, and begins anew', async () => {
    const { mismatches, events, story } = await playOnPaper({
      ...written,
      processes: 2,
      steps: [
        says('10:00:00', 'hi', { id: 'old' }),
        says('10:01:00', 'hi', { process: 2 }),
        erases('10:05:00'),
        profile('10:05:00'),
        { at: '10:06:00', redelivers: 'old', process: 2 },
        says('10:07:00', 'on its way since then', { writtenAt: '10:04:00' }),
        profile('10:08:00'),
        says('10:09:00', 'new'),
        profile('10:09:00', { state: 'live', turns: 1, transcript: [user('new')] }),
      ],
    });
    expect(mismatches).toEqual([]);
    expect(events.filter(({ event }) => event === 'opened').map((one) => one['startReason'])).toEqual(['first', 'first']);
    expect(events.filter(({ event }) => event === 'received').map((one) => one['text'])).toEqual(['#1 hi', '#2 hi', '#1 new']);
    expect(events.filter(({ event }) => event === 'closed')).toMatchObject([{ reason: 'erased', ...ada }]);
    expect(story.map((one) => one['text'])).toContain('ada is erased');
  });

  it('is erased when the turn that runs is over', async () => {
    const { mismatches, events } = await playOnPaper({
      ...written,
      steps: [says('10:00:00', 'slow 20'), erases('10:00:05'), profile('10:00:30')],
    });
    expect(mismatches).toEqual([]);
    const told = events.filter(({ event }) => event !== 'delivered');
    expect(told.map(({ at, event }) => `${at.slice(11, 19)} ${event}`)).toEqual([
      '10:00:00 opened',
      '10:00:20 received',
      '10:00:20 closed',
    ]);
  });

  it('stays while the store is down, and the file is told', async () => {
    const { mismatches, events } = await playOnPaper({
      ...written,
      steps: [
        says('10:00:00', 'hi'),
        { at: '10:01:00', store: 'down' },
        erases('10:02:00'),
        { at: '10:03:00', store: 'up' },
        profile('10:04:00', { state: 'live', transcript: [user('hi')] }),
      ],
    });
    expect(mismatches).toEqual([]);
    expect(events.filter(({ event }) => event === 'error')).toMatchObject([{ code: 'STORE_UNAVAILABLE', ...ada }]);
  });
});

describe('a file that says it wrong', () => {
  const wrong = (...steps: object[]): string => {
    try {
      readScenario({ name: 'a file', start: '2026-11-02T10:00:00Z', ...written, agents: ['A'], steps }, [paperVendor]);
    } catch (error) {
      if (error instanceof ScenarioError) return error.message;
      throw error;
    }
    return 'nothing';
  };
  const contact = (one: unknown) => ({ at: '10:00', expect: [{ contact: one }] });

  it.each<[string, string, object[]]>([
    ['a contact without a name', 'steps[0].expect[0].contact.user: is missing', [contact({ sessions: [] })]],
    ['no sessions', 'steps[0].expect[0].contact.sessions: is missing; it must be a list.', [contact(ada)]],
    ['a session that is none', 'contact.sessions[0]: must be an object.', [contact({ ...ada, sessions: ['hi'] })]],
    ['a field no session has', 'contact.sessions[0].mood: there is no', [contact({ ...ada, sessions: [{ mood: 1 }] })]],
    ['a transcript that is no list', 'sessions[0].transcript: must be', [contact({ ...ada, sessions: [{ transcript: 'hi' }] })]],
    [
      'a field no line has',
      'transcript[0].who: there is no',
      [contact({ ...ada, sessions: [{ transcript: [{ who: 'ada' }] }] })],
    ],
    ['an event beside it', 'steps[0].expect[0].no: there is no', [{ at: '10:00', expect: [{ contact: ada, no: true }] }]],
    ['nobody alive', 'no process is alive', [{ at: '10:00', dies: true }, contact({ ...ada, sessions: [] })]],
    ['nobody erased', 'steps[0].erases: must be a text', [erases('10:00', { erases: '' })]],
    ['somebody erased elsewhere', 'steps[0].endpoint: there is no endpoint "shop".', [erases('10:00', { endpoint: 'shop' })]],
    ['two verbs', 'steps[0]: has two verbs, "says" and "erases".', [erases('10:00', { says: 'bye' })]],
    ['an erasure by the dead', 'steps[1]: process 1 is dead then.', [{ at: '10:00', dies: true }, erases('10:00')]],
    ['an erasure that overlaps', 'steps[0].together[0].erases: only', [{ at: '10:00', together: [{ erases: 'ada' }] }]],
    ['an outcome of taking', 'steps[0].outcome: there is no', [{ at: '10:00', ...ada, agent: 'A', does: 'takes', outcome: 'x' }]],
  ])('%s', (_what, message, steps) => {
    expect(wrong(...steps)).toContain(message);
  });
});
