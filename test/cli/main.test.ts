import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { adjourn, scenarioFile } from './command-line.ts';

const folder = mkdtempSync(join(tmpdir(), 'adjourn-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, ...steps: object[]) => scenarioFile(folder, name, steps);

const hi = { at: '10:00:00', user: 'ada', endpoint: 'sms', says: 'hi' };
const answered = { at: '10:00:01', expect: [{ event: 'received', user: 'ada', text: '#1 hi' }] };

describe('play', () => {
  it('--json prints the list and nothing else, and ends with 0 if every expectation held', async () => {
    const { code, out, err } = await adjourn(
      'play',
      file('holds', hi, { ...hi, at: '10:00:10', says: 'refresh' }, answered),
      '--json',
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const [first, second] = lines.filter(({ event }) => event === 'opened').map(({ session }) => session);
    expect(first).not.toBe(second);
    const at = (time: string) => `2026-11-02T${time}.000Z`;
    const ada = { user: 'ada', endpoint: 'sms', channel: 'twilio' };
    expect(lines).toEqual([
      { at: at('10:00:00'), event: 'opened', ...ada, session: first, startReason: 'first' },
      { at: at('10:00:00'), event: 'delivered', ...ada, status: 200 },
      { at: at('10:00:00'), event: 'received', ...ada, text: '#1 hi' },
      { at: at('10:00:10'), event: 'command', ...ada, command: 'refresh', session: first },
      {
        at: at('10:00:10'),
        event: 'closed',
        ...ada,
        session: first,
        reason: 'refresh',
        endedAt: at('10:00:10'),
        closedAt: at('10:00:10'),
        message: 'off',
        interactive: true,
        developer: false,
        billable: true,
        turns: 1,
      },
      { at: at('10:00:10'), event: 'opened', ...ada, session: second, startReason: 'refresh', previous: first },
      { at: at('10:00:10'), event: 'delivered', ...ada, status: 200 },
      { at: at('10:00:10'), event: 'received', ...ada, text: 'Refreshed.' },
    ]);
  });

  it('tells the story to people, with the reason', async () => {
    const { code, out } = await adjourn('play', file('told', hi, { ...hi, at: '10:31:00', says: 'two' }, answered));
    expect(code).toBe(0);
    expect(out).toContain('10:00:00  sms              ada: hi\n');
    expect(out).toContain('session closed (inactivity) ended 10:30:00 after 1 turn · expires after 30 min (default)\n');
    expect(out).toMatch(/^✔ told \(\d+ ms\)$/m);
  });

  it('ends with 1 if one did not hold, and says which, what was expected and what came', async () => {
    const { code, err } = await adjourn(
      'play',
      file('fails', hi, { at: '10:00:01', expect: [{ event: 'received', text: '#2 hi' }] }),
    );
    expect(code).toBe(1);
    expect(err).toContain('steps[1].expect[0] did not hold');
    expect(err).toContain('expected one of its own: {"event":"received","text":"#2 hi"}');
    expect(err).toContain('got 0; nearest:');
    expect(err).toContain('"text":"#1 hi"');
  });

  it('ends with 2 if a file is wrong, and plays the others', async () => {
    const { code, out, err } = await adjourn(
      'play',
      file('wrong', { at: '10:00:00', process: 2, dies: true }),
      file('right', hi, answered),
    );
    expect(code).toBe(2);
    expect(err).toContain('wrong.json: steps[0].process: the file has no process 2.');
    expect(out).toMatch(/^✔ right /m);
  });

  it('ends with 2 for settings that can never work, and says where they stand', async () => {
    const { code, err } = await adjourn(
      'play',
      file('never', hi, {
        at: '10:01:00',
        settings: { endpoints: { sms: { closingMessage: 'Bye' } } },
      }),
    );
    expect(code).toBe(2);
    expect(err).toContain('never.json: steps[1].settings.endpoints.sms.closingMessage: A lazy close');
  });

  it.each<[string, string[], RegExp]>([
    ['a file that is not there', ['play', join(folder, 'none.json')], /none\.json: ENOENT/],
    ['no file', ['play'], /play needs a file/],
    ['an option nobody knows', ['play', 'x.json', '--fast'], /'--fast'/],
    ['a command nobody knows', ['dance'], /there is no command "dance"/],
    ['a scenario nobody has', ['demo', '--play', 'none'], /There is no scenario "none"/],
  ])('ends with 2 for %s', async (_what, args, message) => {
    const { code, out, err } = await adjourn(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
  });
});

describe('demo', () => {
  it('shows every bot and why its sessions end, and ends by itself', async () => {
    const { code, out } = await adjourn('demo');
    expect(code).toBe(0);
    for (const sdk of [
      'express 5',
      '@line/bot-sdk 11',
      '@slack/bolt 5',
      'twilio 6',
      'botbuilder 4.23',
      '@microsoft/agents-hosting 1.8',
    ]) {
      expect(out).toContain(sdk);
    }
    expect(out.match(/session closed \(inactivity\)/g)).toHaveLength(7);
    expect(out.match(/session closed \(refresh\)/g)).toHaveLength(7);
    expect(out).toContain('expires after 1 h (endpoint, capped by organization.maxExpiration)');
    expect(out).toMatch(/bot → ada: We have closed this conversation.*\n.*closing message: sent\n/);
  });

  it('plays a scenario of samples/scenarios by its name, one line with --ci', async () => {
    const { code, out } = await adjourn('demo', '--play', 'returns-after-expiry', '--ci');
    expect(code).toBe(0);
    expect(out).toMatch(/^✔ Back at eleven: .*\n$/);
  });
});
