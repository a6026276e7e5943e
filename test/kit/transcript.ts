import { describe, expect, it } from 'vitest';
import type { StartSample } from '../../samples/host.ts';
import { textMark } from '../../samples/marks.ts';
import { type BotData, initial } from '../../samples/words.ts';
import { type AdjournEvent, createSessions } from '../../src/index.ts';
import { memoryArchive } from '../../src/middleware/archive.ts';
import { createSimulator } from '../../src/simulator/simulator.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { until } from '../adapters/later.ts';

const nothing = () => {};
const hi = `hi, ${textMark}`;
const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Ada says one thing after the other to a sample bot. @returns the transcript of her first session */
async function conversation(channel: string, start: StartSample, texts: readonly string[]): Promise<string[]> {
  const clock = virtualClock({ start: '2026-11-02T10:00:00Z' });
  const archive = memoryArchive();
  const events: AdjournEvent[] = [];
  const received: string[] = [];
  const endpoints = { desk: { expiration: 30, transcripts: true } };
  const sessions = createSessions<BotData, string>({ clock, logger, initial, archive, endpoints, worker: false });
  sessions.on('*', (event) => void events.push(event));
  const simulator = await createSimulator({ clock, onReceived: ({ text }) => void received.push(text) });
  const identity = simulator.identity(channel, 'desk');
  const bot = await start({ sessions, endpoint: 'desk', identity, vendorUrl: simulator.url });
  try {
    for (const [index, text] of texts.entries()) {
      const webhook = simulator.webhook(channel, 'desk', 'ada', { does: 'says', text });
      if (webhook === undefined) throw new Error('Nobody says anything here.');
      await simulator.send(webhook, { channel, endpoint: 'desk', url: bot.url, user: 'ada' });
      await until(() => received.length > index && simulator.openCalls() === 0);
    }
  } finally {
    await bot.close();
    await simulator.close();
    // What is noted is written by now.
    await sessions.close();
  }
  expect(events.filter(({ type }) => type === 'error' || type === 'save_failed')).toEqual([]);
  const [session = ''] = events.flatMap((event) => (event.type === 'opened' ? [event.session] : []));
  const { lines } = await archive.transcript({ session });
  return lines.map(({ from, text, delivery = '-' }) => `${from}: ${text} ${delivery}`);
}

/** Runs what every channel promises of its transcripts: what its bot says stands there, without any doing of the bot's. */
export function standsInTranscripts(channel: string, bots: Readonly<Record<string, StartSample>>): void {
  describe.each(Object.entries(bots))(`${channel}: transcripts on %s`, (_sdk, start) => {
    it('hold what the bot says after what it answers, and the answer to a command, each once', async () => {
      expect(await conversation(channel, start, [hi, 'and you?', 'discard', 'once more'])).toEqual([
        `user: ${hi} -`,
        `bot: #1 ${hi} sent`,
        'user: and you? -',
        'bot: #2 and you? sent',
        'user: discard -',
        'system: Discarded. sent',
        'user: once more -',
        'bot: #3 once more sent',
      ]);
    });
  });
}
