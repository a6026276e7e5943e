import { createSessions } from 'adjourn';
import { type Act, createSimulator, type Signature, type Simulator, type Webhook, type WebhookAnswer } from 'adjourn/simulator';
import { type VirtualClock, virtualClock } from 'adjourn/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Sample, StartSample } from './host.ts';
import { textMark } from './marks.ts';
import { type BotData, initial } from './words.ts';

const minute = 60_000;

/** What people begin with. */
const hi = `hi, ${textMark}`;

/** A sample bot and where it differs from the others. */
export interface SampleCase {
  readonly channel: string;
  readonly endpoint: string;
  readonly start: StartSample;
  /** Whom the bot believes. */
  readonly vendor: string;
  /** What the bot's SDK answers to webhooks that are not the vendor's. */
  readonly forged: Readonly<Partial<Record<Exclude<Signature, 'right'>, number>>>;
  /** What people do that is no activity, where the vendor has a webhook for it. */
  readonly noActivity: readonly Quiet[];
  /** A text with what this channel writes in its own way. @default 'hi again' */
  readonly text?: string;
  /** What the vendor hears of a handler that throws. @default 500 */
  readonly crash?: number;
  /** The bot answers its webhook first and the user then. @default false */
  readonly answersLater?: boolean;
  /** False where a test asks for the clock's next wake: then nobody wakes but the bot. @default the worker of `createSessions` */
  readonly worker?: false;
}

type Quiet = Exclude<Act['does'], 'says' | 'taps' | 'refreshes'>;

/** What Ada does, and what the bot tells her then. Without an answer it says nothing, and 200 to the vendor. */
type Step = readonly [act: Act | string, answer?: string];

/** A running bot that Ada talks to. */
export interface SampleWorld {
  readonly clock: VirtualClock;
  readonly simulator: Simulator;
  readonly bot: Sample;
  /** What people were told: `ada: #1 hi`. */
  readonly received: readonly string[];
  /** How many sessions were opened. */
  opened(): number;
  webhookOf(act: Act | string): Webhook;
  send(webhook: Webhook, signature?: Signature): Promise<WebhookAnswer>;
  does(act: Act | string, signature?: Signature): Promise<WebhookAnswer>;
  /** Ada does one thing after the other. All that was ever received are the answers, in order. */
  talks(...steps: readonly Step[]): Promise<void>;
}

/**
 * Registers what every sample bot is tested for.
 * @returns the world of the test that runs, for the channel's own tests
 */
export function sampleTests(sample: SampleCase): () => SampleWorld {
  const world = eachInItsWorld(sample);
  const quiet = sample.noActivity.map((does): Step => [{ does }]);

  it('answers in its session, and in a new one after half an hour', async () => {
    const { clock, talks } = world();
    const { text = 'hi again' } = sample;
    await talks([hi, `#1 ${hi}`], [{ does: 'taps', payload: 'set color=red' }, '#2 set color=red'], ['get color', 'color=red']);
    await clock.advance(30 * minute);
    await talks(['get color', 'color=-'], [text, `#2 ${text}`]);
  });

  it('acknowledges commands in words, on buttons and as the channel has them', async () => {
    const { talks } = world();
    const discardAll: Step = [{ does: 'taps', payload: 'DISCARD_ALL' }, 'All discarded.'];
    await talks(['open order', '#1 open order'], ['discard', 'Discarded.'], ['dialog', '-'], discardAll);
    await talks(['open order', '#3 open order'], discardAll, ['dialog', '-']);
    await talks([{ does: 'refreshes' }, 'Refreshed.'], ...quiet, [hi, `#1 ${hi}`]);
  });

  it('says nothing to what is no activity, and is not kept awake by it', async () => {
    const { clock, talks } = world();
    await talks([hi, `#1 ${hi}`], ...quiet, ['still here', '#2 still here']);
    await clock.advance(29 * minute);
    await talks(...quiet);
    await clock.advance(minute);
    await talks([hi, `#1 ${hi}`]);
  });

  it('goes on after a crash', async () => {
    const { does, talks } = world();
    expect(await does('crash')).toMatchObject({ status: sample.crash ?? 500 });
    await talks([hi, `#1 ${hi}`]);
  });

  it(`believes nobody but ${sample.vendor}`, async () => {
    const { does, opened, talks } = world();
    for (const [signature, status] of Object.entries(sample.forged))
      expect([signature, (await does(hi, signature as Signature)).status]).toEqual([signature, status]);
    expect(opened()).toBe(0);
    await talks([hi, `#1 ${hi}`]);
    if (sample.answersLater) await until(() => opened() > 0);
    expect(opened()).toBe(1);
  });

  return world;
}

/** Registers what a bot on one of Meta's platforms is tested for. */
export function metaTests(channel: string, start: StartSample): void {
  const endpoint = 'main';
  const world = sampleTests({
    channel,
    endpoint,
    start,
    vendor: 'Meta',
    forged: { wrong: 401, none: 401, stale: 401 },
    noActivity: ['reads', 'reacts', 'edits', 'unsends', 'joins'],
    text: 'Córdoba 😀 a/b',
  });

  it('is found by the dashboard’s verification', async () => {
    const { bot, simulator } = world();
    const { extra } = simulator.identity(channel, endpoint);
    const query = (token = '') => `hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${token}`;
    const right = await fetch(`${bot.url}?${query(extra['verifyToken'])}`);
    expect([right.status, await right.text()]).toEqual([200, '1158201444']);
    expect((await fetch(`${bot.url}?${query('another')}`)).status).toBe(403);
  });

  it('answers a message that is delivered again only once', async () => {
    const { does, received, send, simulator, webhookOf } = world();
    const webhook = webhookOf(hi);
    await send(webhook);
    expect(await send(simulator.redelivery(channel, webhook, 1))).toMatchObject({ status: 200 });
    await does(hi);
    expect(received).toEqual([`ada: #1 ${hi}`, `ada: #2 ${hi}`]);
  });
}

/** Registers what a bot behind the Bot Connector is tested for, on whichever of Microsoft's SDKs it runs. */
export function botConnectorTests(start: StartSample, forged: SampleCase['forged']): void {
  // The SDKs and Express tell the console of requests that they refuse and of errors.
  beforeEach(() => void vi.spyOn(console, 'error').mockReturnValue());
  afterEach(() => void vi.restoreAllMocks());

  sampleTests({
    channel: 'azure',
    endpoint: 'web',
    start,
    vendor: 'the Bot Connector',
    forged,
    noActivity: ['types', 'reads', 'reacts', 'edits', 'unsends', 'joins'],
  });
}

/** Lets requests come and go until something has happened. */
export async function until(happened: () => boolean): Promise<void> {
  const patience = performance.now() + 10_000;
  while (!happened() && performance.now() < patience) await new Promise((resolve) => setImmediate(resolve));
  expect(happened()).toBe(true);
}

/** A bot of its own for every test. */
function eachInItsWorld({ channel, endpoint, start, answersLater = false, worker }: SampleCase): () => SampleWorld {
  let world: SampleWorld | undefined;
  let close: () => Promise<void>;

  beforeEach(async () => {
    const clock = virtualClock();
    const received: string[] = [];
    const unknown: string[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const sessions = createSessions<BotData, string>({ clock, logger, initial, worker });
    const simulator = await createSimulator({
      clock,
      onReceived: ({ user, text }) => void received.push(`${user}: ${text}`),
      onUnknownRoute: ({ path }) => void unknown.push(path),
    });
    const identity = simulator.identity(channel, endpoint);
    const bot = await start({ sessions, endpoint, identity, vendorUrl: simulator.url });
    let opened = 0;
    sessions.on('opened', () => void opened++);
    const answers: string[] = [];

    function webhookOf(act: Act | string): Webhook {
      const webhook = simulator.webhook(channel, endpoint, 'ada', typeof act === 'string' ? { does: 'says', text: act } : act);
      if (webhook === undefined) throw new Error(`${channel} has no such thing.`);
      return webhook;
    }
    const send = (webhook: Webhook, signature?: Signature) =>
      simulator.send(webhook, { channel, endpoint, url: bot.url, user: 'ada', signature });
    const does = (act: Act | string, signature?: Signature) => send(webhookOf(act), signature);

    async function talks(...steps: readonly Step[]): Promise<void> {
      for (const [act, answer] of steps) {
        const { status } = await does(act);
        if (answer === undefined) expect(status).toBe(200);
        else answers.push(`ada: ${answer}`);
        if (answersLater) await until(() => received.length >= answers.length);
        expect(received).toEqual(answers);
      }
    }

    world = { clock, simulator, bot, received, opened: () => opened, webhookOf, send, does, talks };
    close = async () => {
      await bot.close();
      await simulator.close();
      await sessions.close();
      expect(unknown).toEqual([]);
    };
  });
  afterEach(() => close());

  return () => {
    if (world === undefined) throw new Error('There is a world only while a test runs.');
    return world;
  };
}
