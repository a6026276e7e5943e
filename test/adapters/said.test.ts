import { webApi } from '@slack/bolt';
import type express from 'express';
import twilio from 'twilio';
import { describe, expect, it } from 'vitest';
import { lineSessions } from '../../src/adapters/line.ts';
import { slackSessions } from '../../src/adapters/slack.ts';
import { hearCalls } from '../../src/adapters/support/saying.ts';
import { messagesIn } from '../../src/adapters/support/twiml.ts';
import type { AdjournEvent, Sessions } from '../../src/index.ts';
import { type Archive, memoryArchive } from '../../src/middleware/archive.ts';
import { sdks, startBot } from './azure-bots.ts';
import { fewWords } from './later.ts';
import { lineBot } from './line-bot.ts';
import { metaBot } from './meta-bot.ts';
import { fakeGraph } from './meta-graph.ts';
import { ada, desk, dm, event, eventsOf, posted, says, bot as slackBot, workspace } from './slack-workspace.ts';
import { deliver, forms, twilioWorld, until } from './twilio-world.ts';

/** Every line that is not the user's, of all sessions so far, in their order. */
async function told(
  { archive, events }: { readonly archive: Archive; readonly events: readonly AdjournEvent[] },
  sessions: Pick<Sessions, 'stop' | 'start'>,
): Promise<string[]> {
  await sessions.stop();
  sessions.start();
  const opened = events.flatMap((one) => (one.type === 'opened' ? [one.session] : []));
  const pages = await Promise.all(opened.map((session) => archive.transcript({ session })));
  return pages.flatMap(({ lines }) =>
    lines.flatMap(({ from, text, delivery }) => (from === 'user' ? [] : [`${from}: ${text} ${delivery}`])),
  );
}

describe.each(sdks)('what a bot says on %s', (sdk) => {
  it('stands there by whatever way it was sent, with what became of it; signs are no messages', async () => {
    const archive = memoryArchive();
    await using bot = await startBot(sdk, {
      sessions: { archive, endpoints: { main: { expiration: 30, transcripts: true } } },
      async logic(context, { sessions, fails }) {
        const turn = sessions.turn(context);
        if (turn === undefined) return;
        const send = (one: unknown) => context.sendActivity(one as string);
        await send({ type: 'typing' });
        await turn.reply('by turn.reply');
        await send('by sendActivity');
        await send({ type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.hero', content: {} }] });
        fails('blocked');
        await send('in vain').catch(() => {});
        await expect(send('by a sound channel')).resolves.toBeDefined();
      },
    });
    await bot.says('hi');
    const lines = await told({ archive, events: bot.events }, bot.sessions);
    expect(lines).toEqual([
      'bot: by turn.reply sent',
      'bot: by sendActivity sent',
      'bot: undefined sent',
      expect.stringMatching(/^bot: in vain failed:\w+$/),
      'bot: by a sound channel sent',
    ]);
    expect(bot.errors).toEqual([]);
  });
});

describe('what a bot says on Slack', () => {
  it('stands there by say, by client and privately; not what went elsewhere', async () => {
    const archive = memoryArchive();
    const { clock, sessions } = desk({ archive, worker: false, endpoints: { desk: { expiration: 30, transcripts: true } } });
    const events = eventsOf(sessions);
    let failure: unknown;
    await using slack = await workspace({ clock }, (app) => {
      app.use(slackSessions(sessions, { endpoint: 'desk', client: app.client }));
      app.message(async ({ say, client }) => {
        await say('by say');
        await client.chat.postMessage({ channel: dm, text: 'by client' });
        await client.chat.postMessage({ channel: ada, text: 'by user id' });
        await client.chat.postMessage({ channel: 'C0OPS', text: 'to the operators' }).catch(() => {});
        const stranger = new webApi.WebClient('xoxb-revoked', { slackApiUrl: client.slackApiUrl });
        await stranger.chat.postMessage({ channel: dm, text: 'by an unknown client' }).catch(() => {});
        await client.chat.postMessage({ channel: dm, text: 'in vain', token: 'xoxb-revoked' }).catch((error) => {
          failure = error;
        });
      });
    });
    await slack.deliver(slack.webhook(says('hi')));
    expect(failure).toMatchObject({ code: 'slack_webapi_platform_error' });
    expect(await told({ archive, events }, sessions)).toEqual([
      'bot: by say sent',
      'bot: by client sent',
      'bot: by user id sent',
      'bot: in vain failed:invalid_auth',
    ]);
  });

  it('in a channel it belongs to who was answered', async () => {
    const archive = memoryArchive();
    const { clock, sessions } = desk({ archive, worker: false, endpoints: { desk: { expiration: 30, transcripts: true } } });
    const events = eventsOf(sessions);
    await using slack = await workspace({ clock }, (app) => {
      app.use(slackSessions(sessions, { endpoint: 'desk', client: app.client }));
      app.message(async ({ message, say }) => void (await say(`#${'text' in message ? message.text : ''}`)));
    });
    await slack.deliver(event('Ev1', posted(`<@${slackBot}> hi`, '1793613600.000100')));
    await slack.deliver(event('Ev2', posted('hello', '1793613601.000100', { user: 'U0BEN' })));
    expect(await told({ archive, events }, sessions)).toEqual([`bot: #<@${slackBot}> hi sent`, 'bot: #hello sent']);
    expect(events.flatMap(({ type, key }) => (type === 'opened' ? [key?.split('%3A')[1]] : []))).toEqual([
      `C07DECK0001/${ada}`,
      'C07DECK0001/U0BEN',
    ]);
  });
});

describe('what a bot says on LINE', () => {
  it('stands there by its own client, for whom it was; a reply that had to be pushed is one', async () => {
    const archive = memoryArchive();
    const bot = await lineBot({ expiration: 30, transcripts: true }, { worker: false, archive });
    const sticker = { type: 'sticker' as const, packageId: '1', stickerId: '2' };
    const text = (words: string) => ({ type: 'text' as const, text: words });
    const answers = async (req: express.Request, res: express.Response) => {
      const [ada, ben] = req.body.events;
      // Both turns of the request are open here: a reply belongs to whose token it takes.
      await bot.client.replyMessage({ replyToken: ben.replyToken, messages: [text('to Ben'), sticker] });
      await bot.client.replyMessage({ replyToken: ada.replyToken, messages: [text('to Ada')] });
      await bot.client.replyMessage({ replyToken: ada.replyToken, messages: [text('again')] }).catch(() => {});
      await bot.sessions.turn(ada)?.reply('by turn.reply');
      await bot.client.pushMessage({ to: ben.source.userId, messages: [text('by push')] });
      await bot.client.pushMessage({ to: 'U0STRANGER', messages: [text('to a stranger')] }).catch(() => {});
      res.sendStatus(200);
    };
    bot.mount(lineSessions(bot.sessions, bot.options).wrap(answers));
    await bot.send(bot.together(bot.webhookOf('ada', 'hi'), bot.webhookOf('ben', 'hello')));
    const lines = await told({ archive, events: bot.events }, bot.sessions);
    const ada = ['bot: to Ada sent', 'bot: again failed:400', 'bot: by turn.reply sent'];
    const ben = ['bot: to Ben sent', 'bot: undefined sent', 'bot: by push sent'];
    expect(lines).toEqual(lines[0] === ada[0] ? [...ada, ...ben] : [...ben, ...ada]);
    await bot.close();
  });
});

describe.each(forms)('what a bot says on Twilio, %s', (form) => {
  it('stands there by TwiML and by REST, in turns and outside of them', async () => {
    const archive = memoryArchive();
    const world = twilioWorld({ archive, endpoints: { sms: { transcripts: true } } });
    await using api = await fewWords(
      { status: 201, body: { sid: 'SM1', status: 'queued' } },
      { status: 400, body: { code: 21610, status: 400, message: 'stopped' } },
      { status: 201, body: { sid: 'SM2', status: 'queued' } },
    );
    const client = twilio(`AC${'0'.repeat(32)}`, 'secret');
    client.api.baseUrl = api.url;
    const sent: Promise<unknown>[] = [];
    const url = await world.listen(
      form,
      async (req, res) => {
        const { From: to, To: from, Body: text } = req.body;
        if (text === 'plainly') return void res.type('text/plain').send('All of this.');
        if (text === 'fail') return void res.status(500).type('text/xml').send('<Response><Message>no</Message></Response>');
        await client.messages.create({ to, from, body: 'by REST' });
        await client.messages.create({ to, from, body: 'in vain' }).catch(() => {});
        const response = new twilio.twiml.MessagingResponse();
        response.message('by & by');
        response.message({ to: '+15550007777' }, 'to somebody else');
        response.message('').body('in a body');
        res.type('text/xml').send(response.toString());
        sent.push(
          new Promise((resolve) => {
            setImmediate(() => resolve(client.messages.create({ to, from, body: 'when all was over' })));
          }),
        );
      },
      { client },
    );
    await deliver(url, 'hi');
    await until(() => sent.length === 1);
    await Promise.all(sent);
    await deliver(url, 'plainly');
    await deliver(url, 'fail');
    const lines = await told({ archive, events: world.events }, world.sessions);
    expect(lines.toSorted()).toEqual(
      [
        'bot: by REST sent',
        'bot: in vain failed:21610',
        'bot: by & by sent',
        'bot: in a body sent',
        'bot: when all was over sent',
        'bot: All of this. sent',
      ].toSorted(),
    );
    world.stop();
  });
});

describe('TwiML', () => {
  const text = (document: string) => messagesIn(document).map((one) => one.text);

  it.each([
    ['<Response><Message>a &lt;b&gt; &amp;amp; &#233;&#x1F600;</Message></Response>', ['a <b> &amp; é😀']],
    ['<?xml version="1.0"?><Response><!-- <Message>x</Message> --><Message to="+1">a</Message></Response>', ['a']],
    ['<Response><Message><Body>a</Body><Media>https://x.example/a.png</Media></Message></Response>', ['a']],
    ['<Response><Message><Media>https://x.example/a.png</Media></Message></Response>', [undefined]],
    ['<Response><Message><![CDATA[a < b &amp; ]]>c</Message><Sms>d</Sms></Response>', ['a < b &amp; c', 'd']],
    ["<Response><Message action='https://x.example/?a>b'>a</Message><Redirect>/next</Redirect></Response>", ['a']],
    ['<Response><Message/><Message></Message></Response>', []],
    ['<Response/>', []],
    ['<Response><Message>never closed', []],
    ['<Message>no response</Message>', []],
    ['<Response><Dial><Message>deep</Message></Dial></Response>', []],
    ['no document < at > all', []],
  ])('%s', (document, messages) => expect(text(document)).toEqual(messages));

  it('reads what the SDK writes, whatever is said', () => {
    for (const said of ['a', '<Message>', '&amp;', ']]>', '"quoted" \'twice\'', '日本語 🌊', 'two\nlines']) {
      const response = new twilio.twiml.MessagingResponse();
      response.message({ to: `+1${said}` }, said);
      expect(messagesIn(response.toString()), said).toEqual([{ text: said, to: `+1${said}` }]);
    }
  });
});

describe.each(['messenger', 'whatsapp'] as const)('what a bot says on %s', (channel) => {
  it('stands there by turn.reply, and by graphFetch in the place of fetch; signs are no messages', async () => {
    const archive = memoryArchive();
    const graph = await fakeGraph();
    const bot = await metaBot(channel, { graph, archive, endpoints: { main: { transcripts: true } }, worker: false });
    const post = (user: string, more: object) => {
      const whole =
        channel === 'messenger' ? { recipient: { id: user }, ...more } : { messaging_product: 'whatsapp', to: user, ...more };
      const node = channel === 'messenger' ? 'me' : bot.identity.account;
      return handler.graphFetch(`${graph.url}/v25.0/${node}/messages`, { method: 'POST', body: JSON.stringify(whole) });
    };
    const words = (text: string) => (channel === 'messenger' ? { message: { text } } : { type: 'text', text: { body: text } });
    const sign = channel === 'messenger' ? { sender_action: 'typing_on' } : { status: 'read', message_id: 'wamid.1' };
    const handler = bot.events$(async (_event, turn) => {
      const user = turn.activity.user ?? '';
      await turn.reply('by turn.reply');
      await turn.reply(sign);
      await post(user, words('by itself'));
      await post(user, sign);
      await post('15550009999', words('to somebody else'));
      graph.meet({ status: 400, error: { code: 551 } });
      expect((await post(user, words('refused'))).status).toBe(400);
      graph.meet('break');
      await expect(post(user, words('who knows'))).rejects.toThrow();
      await expect(turn.reply('as well')).rejects.toMatchObject({ code: 'ADJ_SEND_FAILED' });
      graph.meet({ status: 200 });
    });
    try {
      await handler.fetch(bot.request(bot.does('ada', 'hi')));
      expect(await told({ archive, events: bot.events }, bot.sessions)).toEqual([
        'bot: by turn.reply sent',
        'bot: by itself sent',
        'bot: refused failed:551',
        'bot: who knows unknown',
        'bot: as well unknown',
      ]);
      const user = bot.events.find(({ type }) => type === 'opened')?.user ?? '';
      await post(user, words('when nobody asked'));
      await until(() => bot.simulator.openCalls() === 0);
      await bot.sessions.run(bot.events[0]?.key ?? '', async () => {});
      expect((await told({ archive, events: bot.events }, bot.sessions)).at(-1)).toBe('bot: when nobody asked sent');
    } finally {
      graph.close();
      await bot.close();
    }
  });
});

describe('a client that is heard', () => {
  it('stays what it was: its class, its mocks, its failures; a frozen one is left alone', async () => {
    class Client {
      #secret = 7;
      send(text: string): string {
        return `${text} ${this.#secret}`;
      }
    }
    const heard: unknown[] = [];
    const client = new Client();
    hearCalls(client, 'send', ['a'], (returned) => void heard.push(['first', returned]));
    hearCalls(client, 'send', ['a'], (returned) => void heard.push(['again', returned]));
    hearCalls(client, 'send', ['b'], (_returned, call) => void heard.push(['other', ...call]));
    expect(client.send('hi')).toBe('hi 7');
    expect(heard).toEqual([
      ['again', 'hi 7'],
      ['other', 'hi'],
    ]);
    expect([Object.keys(client), new Client().send('x'), client.send.name, client.send.length]).toEqual([[], 'x 7', 'send', 1]);
    const frozen = Object.freeze(new Client());
    hearCalls(frozen, 'send', ['a'], () => void heard.push('frozen'));
    expect([frozen.send('ho'), heard.length]).toEqual(['ho 7', 2]);
  });
});
