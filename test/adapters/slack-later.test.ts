import { HTTPReceiver, MemoryInstallationStore, webApi } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { start } from '../../samples/slack/bot.ts';
import { slackSender, slackSessions } from '../../src/adapters/slack.ts';
import { type Answer, abandoned, fewWords, later, nobody, until } from './later.ts';
import { peopleOf } from './people.ts';
import { quietInBolt as quiet } from './slack-workspace.ts';

/** A client as apps have it: it repeats what fails for half an hour, and sits out rate limits. */
const clientAt = (url: string, token?: string) => new webApi.WebClient(token, { slackApiUrl: `${url}/api/`, logger: quiet });

const ada = {
  channel: 'slack',
  user: 'U1',
  conversation: { id: 'T1:U1', kind: 'direct' },
  to: { teamId: 'T1', isEnterpriseInstall: false, channel: 'D1', user: 'U1' },
} as const;

const posted: Answer = { status: 200, body: { ok: true, ts: '1762077600.000100', channel: 'D1' } };
const refusal = (error: string, status = 200): Answer => ({ status, body: { ok: false, error } });

describe('a closing message', () => {
  it('is posted once to the stored place, in its thread, and its stamp is kept', async () => {
    await using api = await fewWords(posted);
    const desk = later();
    slackSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url, 'xoxb-1') });
    const closed = await desk.close({ ...ada, to: { ...ada.to, thread_ts: '1.5' } });
    expect(closed).toMatchObject({ reason: 'inactivity', message: 'sent', messageId: '1762077600.000100' });
    expect(api.calls.map(({ path }) => path)).toEqual(['/api/chat.postMessage']);
    expect(Object.fromEntries(new URLSearchParams(api.calls[0]?.text))).toEqual({
      channel: 'D1',
      thread_ts: '1.5',
      text: 'Bye.',
    });
    expect(api.calls[0]?.headers.authorization).toBe('Bearer xoxb-1');
  });

  it.each([
    ['channel_not_found', true],
    ['not_in_channel', true],
    ['is_archived', true],
    ['account_inactive', true],
    ['token_revoked', true],
    ['messages_tab_disabled', true],
    ['user_not_found', true],
    ['invalid_auth', false],
    ['missing_scope', false],
    ['restricted_action', false],
    ['msg_too_long', false],
  ])('that Slack refuses with %s is on the record, not sent again, and keeps the person for gone: %s', async (error, gone) => {
    await using api = await fewWords(refusal(error), posted);
    const desk = later();
    slackSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url, 'xoxb-1') });
    expect(await desk.close(ada)).toMatchObject({ message: `failed:${error}` });
    expect(await desk.close(ada)).toMatchObject({ message: gone ? `skipped:${error}` : 'sent' });
    expect(api.calls).toHaveLength(gone ? 1 : 2);
  });

  it.each([
    ['a rate limit', { status: 429, headers: { 'retry-after': '90' }, body: { ok: false, error: 'ratelimited' } }, 90],
    ['a rate limit without a time', { status: 429, body: '' }, 60],
    ['a limit of the workspace', refusal('message_limit_exceeded'), 60],
    ['an app that posts too much', refusal('rate_limited'), 60],
    ['an outage', refusal('service_unavailable'), 60],
    ['a token that has just expired', refusal('token_expired'), 60],
  ] as const)('that met %s is sent later, once', async (_name, answer, seconds) => {
    await using api = await fewWords(answer, posted);
    const desk = later();
    slackSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url, 'xoxb-1') });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    await desk.expire();
    await desk.clock.advance(seconds * 1_000 - 1);
    await desk.sessions.sweep();
    expect([await desk.closed(key), api.calls.length]).toEqual([undefined, 1]);
    await desk.clock.advance(1);
    await desk.sessions.sweep();
    expect([await desk.closed(key), api.calls.length]).toMatchObject([{ message: 'sent' }, 2]);
  });

  it.each([
    ['500', refusal('internal_error', 500)],
    ['502', { status: 502, body: '<html>' }],
    ['a broken connection', 'breaks'],
    ['fatal_error', refusal('fatal_error')],
    ['internal_error', refusal('internal_error')],
    ['a page of somebody else', { status: 200, body: '<html>Sign in to the guest network</html>' }],
  ] as const)('that may have been posted (%s) is never sent again', async (_name, answer) => {
    await using api = await fewWords(answer, posted);
    const desk = later();
    slackSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url, 'xoxb-1') });
    expect(await desk.close(ada)).toMatchObject({ message: 'unknown' });
    await desk.clock.advance(3_600_000);
    await desk.sessions.sweep();
    expect(api.calls).toHaveLength(1);
  });

  it('that is not answered in time is unknown', async () => {
    await using api = await fewWords('silence');
    const desk = later();
    slackSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url, 'xoxb-1') });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    const called = api.next();
    const expired = desk.expire();
    await called;
    await desk.clock.advance(15_000);
    await expired;
    expect(await desk.closed(key)).toMatchObject({ message: 'unknown' });
  });

  it('that something between us and Slack refuses is not sent again', async () => {
    await using api = await fewWords({ status: 404, body: 'Not here.' });
    const desk = later();
    slackSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url, 'xoxb-1') });
    expect(await desk.close(ada)).toMatchObject({ message: 'failed:404' });
  });

  it('that reaches nobody is given up in the end', async () => {
    const desk = later();
    slackSender(desk.sessions, { endpoint: 'desk', client: clientAt(await nobody(), 'xoxb-1') });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    await desk.expire();
    expect(await desk.closed(key)).toBeUndefined();
    await desk.goOn();
    expect(await desk.closed(key)).toMatchObject({ message: 'failed:connection' });
  });

  it('is not held up by a queue that a rate limit of the bot’s own calls has halted', async () => {
    await using api = await fewWords({ status: 429, headers: { 'retry-after': '3600' }, body: {} }, posted);
    const client = clientAt(api.url, 'xoxb-1');
    const desk = later();
    slackSender(desk.sessions, { endpoint: 'desk', client });
    const limited = api.next();
    void client.chat.postMessage({ channel: 'C1', text: 'mine' }).catch(() => {});
    await limited;
    expect(await desk.close(ada)).toMatchObject({ message: 'sent' });
  });
});

describe('with the tokens of many workspaces', () => {
  const grid = (team: string, user: string) => ({
    channel: 'slack',
    user,
    conversation: { id: `E1:${user}`, kind: 'direct' as const },
    to: { enterpriseId: 'E1', teamId: team, isEnterpriseInstall: true, channel: `D${user}`, user },
  });

  it('is sent with the one that authorize finds, asked for once at a time per installation', async () => {
    await using api = await fewWords(posted);
    const desk = later();
    const asked: unknown[] = [];
    const authorize = async (source: { teamId: string | undefined; enterpriseId: string | undefined }) => {
      asked.push(source);
      await new Promise((resolve) => setImmediate(resolve));
      return { botToken: `xoxb-${source.enterpriseId ?? source.teamId}` };
    };
    slackSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url), authorize });
    await desk.sessions.open({ ...grid('T1', 'U1'), endpoint: 'desk' });
    await desk.sessions.open({ ...grid('T2', 'U2'), endpoint: 'desk' });
    await desk.sessions.open({
      ...ada,
      conversation: { id: 'T9:U9', kind: 'direct' },
      to: { ...ada.to, teamId: 'T9' },
      endpoint: 'desk',
    });
    await desk.expire();
    const sent = api.calls.map(({ text, headers }) => [new URLSearchParams(text).get('team_id'), headers.authorization]);
    expect(sent.sort()).toEqual([
      ['T1', 'Bearer xoxb-E1'],
      ['T2', 'Bearer xoxb-E1'],
      ['T9', 'Bearer xoxb-T9'],
    ]);
    expect(asked).toHaveLength(2);
    // Nothing of it is kept: tokens rotate.
    await desk.close(grid('T1', 'U1'));
    expect(asked).toHaveLength(3);
  });

  it('is sent with those of an installation store, of workspaces and of organisations', async () => {
    const installationStore = new MemoryInstallationStore();
    const install = (token: string) => ({
      bot: { token, scopes: [], id: 'B1', userId: 'U0' },
      user: { id: 'U0', token: undefined, scopes: undefined },
    });
    await installationStore.storeInstallation({
      ...install('xoxb-workspace'),
      team: { id: 'T1' },
      enterprise: undefined,
      isEnterpriseInstall: false,
    });
    await installationStore.storeInstallation({
      ...install('xoxb-organisation'),
      team: undefined,
      enterprise: { id: 'E1' },
      isEnterpriseInstall: true,
    });
    const secrets = { signingSecret: 's', clientId: 'c', clientSecret: 's', stateSecret: 's' };
    const { installer } = new HTTPReceiver({ ...secrets, scopes: [], installationStore, logger: quiet });
    if (installer === undefined) throw new Error('Bolt has made no installer.');
    await using api = await fewWords(posted);
    const desk = later();
    slackSender(desk.sessions, {
      endpoint: 'desk',
      client: clientAt(api.url),
      authorize: (source) => installer.authorize(source),
    });
    expect(await desk.close(ada)).toMatchObject({ message: 'sent' });
    expect(await desk.close(grid('T2', 'U2'))).toMatchObject({ message: 'sent' });
    const sent = ['Bearer xoxb-workspace', 'Bearer xoxb-organisation'];
    expect(api.calls.map(({ headers }) => headers.authorization)).toEqual(sent);
  });

  it('waits for an installation store that fails or hangs, and says so in the end', async () => {
    await using api = await fewWords(posted);
    const desk = later();
    let answers = 0;
    const authorize = (): Promise<{ botToken: string }> => {
      answers += 1;
      if (answers === 1) return Promise.reject(new Error('The installation store is down.'));
      return answers === 2 ? new Promise(() => {}) : Promise.resolve({ botToken: 'xoxb-1' });
    };
    slackSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url), authorize });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    await desk.expire();
    await desk.clock.advance(60_000);
    const second = desk.sessions.sweep();
    await until(() => answers === 2);
    await desk.clock.advance(5_000);
    await second;
    expect([await desk.closed(key), api.calls.length]).toEqual([undefined, 0]);
    await desk.clock.advance(60_000);
    await desk.sessions.sweep();
    expect([await desk.closed(key), api.calls.length]).toMatchObject([{ message: 'sent' }, 1]);
  });

  it('is not sent where there is no token', async () => {
    await using api = await fewWords(posted);
    const desk = later();
    slackSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url), authorize: async () => ({}) });
    expect([await desk.close(ada), api.calls]).toMatchObject([{ message: 'failed:not_authed' }, []]);
  });

  it('waits for the first request where only that brings a client', async () => {
    const desk = later();
    slackSessions(desk.sessions, { endpoint: 'desk', authorize: async () => ({ botToken: 'xoxb-1' }) });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    await desk.expire();
    expect(await desk.closed(key)).toBeUndefined();
  });
});

it('is posted by a client of the bot’s own making, too', async () => {
  const desk = later();
  const sent: object[] = [];
  const client = { chat: { postMessage: async (message: object) => void sent.push(message) } };
  slackSender(desk.sessions, { endpoint: 'desk', client });
  expect(await desk.close(ada)).toMatchObject({ message: 'sent' });
  expect(sent).toEqual([{ channel: 'D1', text: 'Bye.' }]);
});

describe('a session that is left', () => {
  it.each([
    [undefined, 'sent', 1],
    ['429', 'sent', 1],
    ['500', 'unknown', 0],
    ['500-delivered', 'unknown', 1],
    ['timeout', 'unknown', 0],
    ['window', 'failed:is_archived', 0],
    ['blocked', 'failed:channel_not_found', 0],
  ] as const)('meets %s: %s, told %i times, and the next message opens a new one', async (fault, message, byes) => {
    const left = await abandoned('slack', start, fault);
    expect(left).toEqual({ byes, told: [message], kept: [message], answer: '#1 again' });
  });

  it('is closed with a text by another process, which gets no requests', async () => {
    const left = await abandoned('slack', start, undefined, peopleOf('slack').mountSender);
    expect(left).toEqual({ byes: 1, told: ['sent'], kept: ['sent'], answer: '#1 again' });
  });
});
