import { once } from 'node:events';
import { get as request } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { TranscriptLine } from '../../src/middleware/archive.ts';
import { AdjournError } from '../../src/middleware/errors.ts';
import { adaKey } from '../middleware/toy.ts';
import { adminBot, expectShape, inPath } from './server.ts';

const path = `/contacts/${inPath(adaKey)}/export`;
const stranger = 'toy/main/nobody';

test('is what contact.export() gives, however many pages that has', async () => {
  const bot = await adminBot();
  const same = async (key: string) => {
    const answer = await bot.get(`/contacts/${inPath(key)}/export`);
    expectShape(answer, 'ContactExport');
    expect(answer.json).toEqual(JSON.parse(JSON.stringify(await bot.sessions.contact(key).export())));
    return answer.json as { identities: unknown[]; sessions: { state: string; transcript: TranscriptLine[] }[] };
  };
  expect(await same(stranger)).toMatchObject({ identities: [], sessions: [] });
  for (let n = 0; n < 102; n++) {
    await bot.says(`session ${n}`);
    await bot.says('refresh');
  }
  for (let n = 0; n < 60; n++) await bot.says(`line ${n}`);
  const elsewhere = { conversation: { id: 'ada@work', kind: 'direct' }, user: 'ada@work' } as const;
  await bot.deliver(bot.message('from work', elsewhere));
  await bot.sessions.contact(adaKey).link('toy/main/ada%40work');
  await bot.archive.put({ ...(await bot.closes())[0], session: 'untold' } as Parameters<typeof bot.archive.put>[0]);
  const { identities, sessions } = await same(adaKey);
  expect(identities).toHaveLength(2);
  expect(sessions.map(({ state }) => state)).toEqual(['live', 'live', ...Array.from({ length: 103 }, () => 'closed')]);
  expect(sessions.map(({ transcript }) => transcript.length)).toContain(0);
  expect(sessions.flatMap(({ transcript }) => transcript).filter(({ text = '' }) => /^line \d/.test(text))).toHaveLength(60);
  expect(sessions.some(({ transcript }) => transcript.length > 100)).toBe(true);
});

test('leaves what was said and what the bot keeps out with redact', async () => {
  const tell = async (redact: boolean) => {
    const bot = await adminBot({ redact });
    await bot.says('told-you', ({ session }) => {
      session.data.list = ['secret-data'];
      session.dialog.push('order', { step: 'secret-dialog' });
      session.tags.set(['secret-tag']);
      session.variables.set('secret-name', 'secret-value', { scope: 'contact' });
      session.auth.set('crm', { token: 'never' });
      session.outcome = 'resolved';
    });
    return bot.get(path);
  };
  const [open, redacted] = [await tell(false), await tell(true)];
  for (const word of ['told-you', 'secret-data', 'secret-dialog', 'secret-tag', 'secret-name', 'secret-value']) {
    expect(open.text).toContain(word);
    expect(redacted.text).not.toContain(word);
  }
  for (const answer of [open, redacted]) {
    expectShape(answer, 'ContactExport');
    expect(answer.text).not.toContain('never');
    expect(answer.json).toMatchObject({
      identities: [{ key: adaKey, authProfiles: ['crm'], session: { outcome: 'resolved', turns: 1 } }],
      sessions: [{ transcript: [{ from: 'user', type: 'message' }] }],
    });
  }
});

/** Ada's transcript has this many pages of a megabyte, or breaks off. */
async function lengthy(pages: number, breaksAt = Number.POSITIVE_INFINITY) {
  const bot = await adminBot();
  await bot.says('hi');
  let read = 0;
  const text = 'x'.repeat(10_000);
  bot.archive.transcript = async ({ after = '0' }) => {
    if (++read > breaksAt) throw new AdjournError('STORE_UNAVAILABLE', 'It is out.');
    const n = Number(after);
    const lines = Array.from({ length: 100 }, (_, order) => ({ order: n * 100 + order, text }) as TranscriptLine);
    return { lines, ...(n + 1 < pages ? { next: `${n + 1}` } : {}) };
  };
  const open = async () => {
    const req = request({ host: '127.0.0.1', port: bot.port, path, agent: false });
    req.on('error', () => {});
    const [res] = await once(req, 'response');
    return { req, res };
  };
  return { ...bot, open, read: () => read };
}

/** Lets whoever can go on without us do so, until nothing more is read. */
async function stalled(read: () => number): Promise<void> {
  for (let before = -1; before < read(); ) {
    before = read();
    for (let n = 0; n < 500; n++) await turn();
  }
}

test('is read no faster than it is sent', async () => {
  const { open, read } = await lengthy(64);
  const { res } = await open();
  await stalled(read);
  expect(read()).toBeLessThan(48);
  let size = 0;
  for await (const chunk of res) size += chunk.length;
  expect(read()).toBe(64);
  expect(size).toBeGreaterThan(64 * 1_000_000);
});

test('ends with whoever hangs up, which is no failure', async () => {
  const { open, read, eventsOf } = await lengthy(1_000);
  const { req } = await open();
  req.destroy();
  await stalled(read);
  expect(read()).toBeLessThan(1_000);
  expect(eventsOf('error')).toEqual([]);
});

test('that fails at once is a problem; one that fails on its way is cut off, and told of', async () => {
  const { open, eventsOf, get, archive } = await lengthy(9, 3);
  const { res } = await open();
  await expect(async () => {
    for await (const _chunk of res);
  }).rejects.toThrow('aborted');
  expect(eventsOf('error')).toMatchObject([{ code: 'STORE_UNAVAILABLE', channel: 'admin' }]);
  archive.sessions = async () => {
    throw new AdjournError('STORE_UNAVAILABLE', 'It is out.');
  };
  expectShape(await get(`/contacts/${inPath(stranger)}/export`), 'Problem', 503);
});
