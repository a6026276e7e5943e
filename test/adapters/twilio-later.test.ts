import twilio from 'twilio';
import { describe, expect, it } from 'vitest';
import { start } from '../../samples/twilio/bot.ts';
import { twilioSender } from '../../src/adapters/twilio.ts';
import { memoryArchive } from '../../src/middleware/archive.ts';
import { twilioVendor as vendor } from '../../src/simulator/channels/twilio.ts';
import { type Answer, abandoned, fewWords, later, nobody } from './later.ts';
import { peopleOf } from './people.ts';
import { counting, deliver, identity, say, twilioWorld } from './twilio-world.ts';

const account = `AC${'0'.repeat(32)}`;
function clientAt(url: string) {
  const client = twilio(account, 'secret');
  client.api.baseUrl = url;
  return client;
}

const ada = {
  channel: 'twilio',
  user: '+15550000001',
  conversation: { id: '+15550000001', kind: 'direct' },
  to: { to: '+15550000001', from: '+19990000001' },
} as const;

const taken: Answer = { status: 201, body: { sid: 'SM1', status: 'queued' } };
const refusal = (status: number, code: number): Answer => ({ status, body: { status, code, message: 'No.', more_info: '' } });
/** The other shape of Twilio's errors: RFC 9457. */
const problem = (status: number, code: number): Answer => ({ status, body: { type: 'about:blank', title: 'No.', status, code } });

const fields = (text: string | undefined) => Object.fromEntries(new URLSearchParams(text));

describe('a closing message', () => {
  it('is queued for ten minutes at most', async () => {
    await using api = await fewWords(taken);
    const desk = later();
    twilioSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url) });
    expect(await desk.close(ada)).toMatchObject({ message: 'sent', messageId: 'SM1' });
    expect(api.calls.map(({ path }) => path)).toEqual([`/2010-04-01/Accounts/${account}/Messages.json`]);
    const asked = { To: '+15550000001', From: '+19990000001', Body: 'Bye.', ValidityPeriod: '600' };
    expect(fields(api.calls[0]?.text)).toEqual(asked);
  });

  it('goes out as the options say, to a person the bot has not heard from yet, with its close in the status callback', async () => {
    await using api = await fewWords(taken);
    const desk = later();
    const options = { accounts: ['+19990000009'], validityPeriod: 900, statusCallback: 'https://bot.example/sms?tenant=a#rc=2' };
    twilioSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url), ...options });
    const closed = await desk.close({ channel: 'twilio', user: '+15550000002' });
    expect(fields(api.calls[0]?.text)).toEqual({
      To: '+15550000002',
      From: '+19990000009',
      Body: 'Bye.',
      ValidityPeriod: '900',
      StatusCallback: `https://bot.example/sms?tenant=a&close=${closed?.session}#rc=2`,
    });
  });

  it('of its own accord that announces no close carries none', async () => {
    await using api = await fewWords(taken);
    const desk = later();
    const statusCallback = 'https://bot.example/sms';
    twilioSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url), statusCallback });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    await desk.sessions.run(key, (turn) => turn.reply({ body: 'Shipped.', mediaUrl: ['https://bot.example/a.png'] }));
    expect(fields(api.calls[0]?.text)).toMatchObject({ StatusCallback: statusCallback, MediaUrl: 'https://bot.example/a.png' });
  });

  it.each([
    [refusal(400, 21610), '21610', true],
    [refusal(400, 21211), '21211', true],
    [refusal(400, 21614), '21614', true],
    [refusal(400, 21612), '21612', true],
    [refusal(400, 63003), '63003', true],
    [refusal(400, 63024), '63024', true],
    [refusal(400, 21408), '21408', false],
    [refusal(400, 63016), '63016', false],
    [refusal(401, 20003), '20003', false],
    [refusal(404, 20404), '20404', false],
    [refusal(400, 21606), '21606', false],
    [refusal(400, 21703), '21703', false],
    [problem(400, 21604), '21604', false],
    [{ status: 403, body: 'Forbidden' }, '403', false],
  ] as const)('that Twilio refuses is on the record and not sent again: %j', async (answer, code, gone) => {
    await using api = await fewWords(answer, taken);
    const desk = later();
    twilioSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url) });
    expect(await desk.close(ada)).toMatchObject({ message: `failed:${code}` });
    expect(await desk.close(ada)).toMatchObject({ message: gone ? `skipped:${code}` : 'sent' });
    expect(api.calls).toHaveLength(gone ? 1 : 2);
  });

  it.each([
    [refusal(429, 20429)],
    [{ status: 429, body: 'Too many.' }],
    [refusal(400, 21611)],
    [refusal(400, 30022)],
    [refusal(400, 63018)],
  ])('that met a limit is sent later, once: %j', async (answer) => {
    await using api = await fewWords(answer, taken);
    const desk = later();
    twilioSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url) });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    await desk.expire();
    expect([await desk.closed(key), api.calls.length]).toEqual([undefined, 1]);
    await desk.goOn();
    expect([await desk.closed(key), api.calls.length]).toMatchObject([{ message: 'sent' }, 2]);
  });

  it.each([[refusal(500, 20500)], [problem(503, 20503)], [{ status: 502, body: '<html>' }], ['breaks']] as const)(
    'that may have been taken is never sent again: %j',
    async (answer) => {
      await using api = await fewWords(answer, taken);
      const desk = later();
      twilioSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url) });
      expect(await desk.close(ada)).toMatchObject({ message: 'unknown' });
      await desk.goOn();
      expect(api.calls).toHaveLength(1);
    },
  );

  it('that is not answered in time is unknown', async () => {
    await using api = await fewWords('silence');
    const desk = later();
    twilioSender(desk.sessions, { endpoint: 'desk', client: clientAt(api.url) });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    const called = api.next();
    const expired = desk.expire();
    await called;
    await desk.clock.advance(15_000);
    await expired;
    expect(await desk.closed(key)).toMatchObject({ message: 'unknown' });
  });

  it('that reaches nobody is given up in the end', async () => {
    const desk = later();
    twilioSender(desk.sessions, { endpoint: 'desk', client: clientAt(await nobody()) });
    const { key } = await desk.sessions.open({ ...ada, endpoint: 'desk' });
    await desk.expire();
    expect(await desk.closed(key)).toBeUndefined();
    await desk.goOn();
    expect(await desk.closed(key)).toMatchObject({ message: 'failed:connection' });
  });
});

describe('settings', () => {
  it.each([{ validityPeriod: 0 }, { validityPeriod: 36_001 }, { validityPeriod: 1.5 }, { statusCallback: '/sms' }])(
    'that Twilio would refuse are refused at once: %j',
    (options) => {
      const mount = () => twilioSender(later().sessions, { endpoint: 'desk', client: clientAt('http://127.0.0.1'), ...options });
      expect(mount).toThrow(expect.objectContaining({ code: 'ADJ_CONFIG_INVALID', where: 'twilio' }));
    },
  );
});

describe('a session that is left', () => {
  it.each([
    [undefined, 'sent', 1],
    ['429', 'sent', 1],
    ['500', 'unknown', 0],
    ['500-delivered', 'unknown', 1],
    ['timeout', 'unknown', 0],
    ['window', 'failed:63016', 0],
    ['blocked', 'failed:21610', 0],
  ] as const)('meets %s: %s, told %i times, and the next message opens a new one', async (fault, message, byes) => {
    const left = await abandoned('twilio', start, fault);
    expect(left).toEqual({ byes, told: [message], kept: [message], answer: '#1 again' });
  });

  it('is closed with a text by another process, which gets no requests', async () => {
    const left = await abandoned('twilio', start, undefined, peopleOf('twilio').mountSender);
    expect(left).toEqual({ byes: 1, told: ['sent'], kept: ['sent'], answer: '#1 again' });
  });
});

describe('what comes after', () => {
  /** A bot that closes with a text and asks to be told what came of it; Ada has written once. */
  async function written(answer: Answer) {
    const api = await fewWords(answer);
    const archive = memoryArchive();
    const sms = { expiration: 30, closing: 'proactive', closingMessage: 'Bye.', closingMessageTo: 'all' } as const;
    const world = twilioWorld({ archive, endpoints: { sms } });
    const client = clientAt(api.url);
    const url = await world.listen('wrapped', counting(world), { client, statusCallback: 'https://bot.example/sms' });
    await say(url, 'hi');
    const person = vendor.person('ada');
    const key = world.events.find((event) => event.type === 'opened')?.key ?? '';
    const expire = async () => {
      await world.clock.advance(30 * 60_000);
      await world.sessions.sweep();
      return (await archive.sessions({ keys: [key], limit: 1 })).sessions[0];
    };
    return {
      world,
      url,
      api,
      archive,
      key,
      expire,
      /** The bot begins a session with Ada, who does not answer. */
      async ignored() {
        await world.sessions.open({ channel: 'twilio', endpoint: 'sms', user: person });
        return (await expire())?.message;
      },
      /** What Twilio says of the message that announced the last close, or of an answer. */
      async status(status: string, code?: string, about: 'close' | 'answer' = 'close') {
        const { search } = new URL(fields(api.calls.at(-1)?.text)['StatusCallback'] ?? '');
        const ids = { MessageSid: 'SM1', SmsSid: 'SM1', AccountSid: account, From: identity.account, To: person };
        const body = { ...ids, MessageStatus: status, SmsStatus: status, ...(code === undefined ? {} : { ErrorCode: code }) };
        return deliver(`${url}${about === 'close' ? search : ''}`, vendor.raw(body, {}, identity));
      },
      async [Symbol.asyncDispose]() {
        world.stop();
        await api[Symbol.asyncDispose]();
      },
    };
  }

  it('lands on the archive entry, and is told, where the message was not delivered after all', async () => {
    await using ada = await written(taken);
    expect(await ada.expire()).toMatchObject({ message: 'sent', messageId: 'SM1' });
    const [closed] = ada.world.told('closed');
    for (const one of ['queued', 'sent']) expect(await ada.status(one)).toMatchObject({ status: 200 });
    expect(ada.world.told('send_failed')).toEqual([]);
    expect(await ada.status('undelivered', '30003')).toMatchObject({ status: 200 });
    // Callbacks may overtake each other.
    await ada.status('sent');
    const session = closed?.type === 'closed' ? closed.session : '';
    expect(ada.world.told('send_failed')).toMatchObject([{ session, key: ada.key, message: 'failed:30003' }]);
    expect((await ada.archive.sessions({ keys: [ada.key] })).sessions).toMatchObject([{ session, message: 'failed:30003' }]);
    expect(ada.world.told('closed')).toHaveLength(1);
    expect(await say(ada.url, 'back')).toEqual(['#1 back']);
  });

  it('clears up what was unknown', async () => {
    await using ada = await written(refusal(500, 20500));
    expect(await ada.expire()).toMatchObject({ message: 'unknown' });
    await ada.status('delivered');
    expect((await ada.archive.sessions({ keys: [ada.key] })).sessions).toMatchObject([{ message: 'sent' }]);
    expect(ada.world.told('send_failed')).toEqual([]);
  });

  it('keeps those for unreachable who have opted out meanwhile, until they write', async () => {
    await using ada = await written(taken);
    await ada.expire();
    await ada.status('failed', '21610');
    expect(await ada.ignored()).toBe('skipped:21610');
    await say(ada.url, 'back');
    expect(await ada.expire()).toMatchObject({ message: 'sent' });
  });

  it('ends no session that is live, unless its user opted out', async () => {
    await using ada = await written(taken);
    await ada.expire();
    await say(ada.url, 'back');
    await ada.status('undelivered', '30005', 'answer');
    expect(ada.world.told('closed')).toHaveLength(1);
    await ada.status('undelivered', '21610', 'answer');
    expect(ada.world.told('closed')).toHaveLength(2);
    expect(ada.world.told('send_failed')).toEqual([]);
  });

  it('is silence after STOP, until START', async () => {
    await using ada = await written(taken);
    await say(ada.url, 'STOP');
    expect(ada.world.told('closed')).toMatchObject([{ reason: 'user_command', message: 'off' }]);
    expect(await ada.ignored()).toBe('skipped:STOP');
    expect(ada.api.calls).toEqual([]);
    await say(ada.url, 'START');
    expect(await ada.ignored()).toBe('sent');
    expect(ada.api.calls).toHaveLength(1);
  });
});
