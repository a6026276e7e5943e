import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { format } from 'node:util';
import { context } from '@opentelemetry/api';
import Keyv from 'keyv';
import { vi } from 'vitest';
import type { StartSample } from '../../samples/host.ts';
import { type BotData, desk as deskName, initial } from '../../samples/words.ts';
import { adminHandler } from '../../src/admin.ts';
import { type AdjournEvent, createSessions, memoryArchive } from '../../src/index.ts';
import type { Clock } from '../../src/middleware/clock.ts';
import type { TurnProbe } from '../../src/middleware/probe.ts';
import { type Act, createSimulator, type Signature, type Webhook } from '../../src/simulator/simulator.ts';
import { keyvStore } from '../../src/stores/keyv.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { telemetry } from '../kit/telemetry.ts';
import { archiveThat, mapThat, storeThat } from './failing.ts';
import { configured, secrets, texts, thrown } from './marks.ts';
import { allOf } from './needles.ts';

/** Everything that comes out of a process, by what it is. */
export type Output =
  | 'log'
  | 'console'
  | 'warnings'
  | 'events'
  | 'spans'
  | 'metrics'
  | 'stats'
  | 'errors'
  | 'refusals'
  | 'unknown routes';

/** A sample bot on a simulated channel, with everything on that could tell anything, and all that comes out of it written down. */
export async function leakyWorld(channel: string, start: StartSample) {
  const outputs = new Map<Output, string[]>();
  const write = (output: Output, line: string) => void outputs.set(output, [...(outputs.get(output) ?? []), line]);
  const stopWatching = watchProcess(write);
  console.log('The console is listened to.');
  process.emitWarning('So are warnings.');

  const turns = new Set<object>();
  const follow = (message: unknown) => {
    const { phase, turn } = message as TurnProbe;
    if (phase === 'ended') turns.delete(turn);
    else turns.add(turn);
  };
  subscribe('adjourn:turn', follow);
  /** Resolves when no turn runs and no vendor is called any more. */
  const rest = async () => {
    const patience = performance.now() + 5_000;
    for (let calm = 0; calm < 25; calm++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (turns.size > 0 || simulator.openCalls() > 0) calm = 0;
      if (performance.now() > patience) throw new Error('The bot does not come to rest.');
    }
  };

  const clock = virtualClock({ start: '2026-11-02T10:00:00Z', settle: () => rest() });
  const simulator = await createSimulator({
    clock,
    onUnknownRoute: ({ method, path }) => write('unknown routes', `${method} ${path}`),
  });
  const trouble = { reads: false, writes: false, leases: false, archive: false };
  const records = mapThat(trouble);
  const store = storeThat(trouble, keyvStore(new Keyv({ store: records })));
  const archive = archiveThat(trouble, memoryArchive());
  const log = (line: unknown, ...more: unknown[]) => write('log', allOf([line, ...more]));
  const sessions = createSessions<BotData, string>({
    clock: carelessly(clock),
    initial,
    store,
    archive,
    logger: { debug: log, info: log, warn: log, error: log },
    encryptionKeys: [secrets.encryptionKey],
    endpoints: {
      main: {
        closing: 'proactive',
        closingMessage: configured.closing,
        warnings: [{ before: 5, message: configured.warning }],
        commands: { acknowledge: { discard: texts.acknowledgement } },
        transcripts: true,
        inbox: 'durable',
        agents: { replyWithin: 30, warnBefore: 5, reassignAfter: 10, closeAfter: 60, closingMessage: configured.agentClosing },
        onSessionStart: () => Promise.reject(new Error(thrown)),
        onClosing: () => Promise.reject(new Error(thrown)),
        onClose: (session) => void session.auth.clearAuthProfile('none'),
      },
    },
  });
  const events: AdjournEvent[] = [];
  sessions.on('*', (event) => {
    events.push(event);
    write('events', allOf(event));
    throw new Error(thrown);
  });
  const told = telemetry(sessions);
  const desk = sessions.desk(deskName, { agents: ['kim', 'lee'], onMessage: () => {} });
  const identity = simulator.identity(channel, 'main');
  const bot = await start({ sessions, endpoint: 'main', identity, vendorUrl: simulator.url });
  const admin = adminHandler(sessions, { rate: 10_000 });
  const redacting = adminHandler(sessions, { rate: 10_000, redact: true });
  const web = createServer((req, res) => (req.headers['x-redact'] === undefined ? admin : redacting)(req, res));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const adminUrl = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;

  const send = async (webhook: Webhook, signature?: Signature): Promise<number> => {
    const answer = await simulator.send(webhook, { channel, endpoint: 'main', url: bot.url, user: 'ada', signature });
    if (answer.status >= 400) write('refusals', allOf(answer));
    await rest();
    return answer.status;
  };

  return {
    channel,
    clock,
    simulator,
    sessions,
    store,
    trouble,
    desk,
    identity,
    events,
    outputs,
    rest,
    send,
    botUrl: bot.url,
    names: () => events.map(({ type }) => type),
    /** Why sessions ended. */
    closes: () => events.flatMap((event) => (event.type === 'closed' ? [event.reason] : [])),
    /** Key of Ada's conversation. */
    key: () => events.find(({ type }) => type === 'opened')?.key ?? '',
    webhook(act: Act | string): Webhook {
      const made = simulator.webhook(channel, 'main', 'ada', typeof act === 'string' ? { does: 'says', text: act } : act);
      if (made === undefined) throw new Error(`${channel} has no such thing.`);
      return made;
    },
    /** Does what may fail; how it does is written down. @returns whether it did */
    async tries(work: () => Promise<unknown>): Promise<boolean> {
      try {
        await work();
        return false;
      } catch (error) {
        write('errors', allOf(error));
        return true;
      } finally {
        await rest();
      }
    },
    /** What the admin API answers. */
    async asks(path: string, how: { readonly redact?: boolean; readonly method?: string; readonly body?: object } = {}) {
      const { redact = false, method = 'GET', body } = how;
      const headers = { ...(redact ? { 'x-redact': '1' } : {}), 'content-type': 'application/json', 'x-adjourn': '1' };
      const answer = await fetch(`${adminUrl}${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
      return answer.text();
    },
    /** The first events that the admin API streams. */
    async streams(): Promise<string> {
      const answer = await fetch(`${adminUrl}/events`, { headers: { 'last-event-id': 'none.0' } });
      const reader = answer.body?.getReader();
      let text = '';
      while (reader !== undefined && text.split('\ndata:').length <= events.length) {
        text += new TextDecoder().decode((await reader.read()).value);
      }
      await reader?.cancel();
      return text;
    },
    /** What lies in the store. */
    atRest: () => allOf([...records.values()]),
    /** Counts the sessions there have been. */
    async counts(): Promise<void> {
      write('stats', allOf(await sessions.stats({ from: 0, to: clock.now() + 1, by: ['endpoint', 'reason', 'outcome'] })));
    },
    /** Writes down what telemetry has been told. */
    async ends(): Promise<void> {
      for (const span of told.spans()) write('spans', allOf(span));
      write('metrics', allOf(await told.metrics()));
    },
    async close(): Promise<void> {
      admin.close();
      redacting.close();
      web.closeAllConnections();
      web.close();
      await bot.close();
      await simulator.close();
      await sessions.close();
      await told.close();
      context.disable();
      unsubscribe('adjourn:turn', follow);
      stopWatching();
    },
  };
}

/** A clock with which the word `slow` fails in the bot's own code, whose error quotes what the user wrote. */
function carelessly(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    sleep: (ms, signal) => (Number.isNaN(ms) ? Promise.reject(new Error(`No time: ${thrown}`)) : clock.sleep(ms, signal)),
  };
}

/** Writes down the console, which the hosts use, and the process's warnings. @returns stops that */
function watchProcess(write: (output: Output, line: string) => void): () => void {
  const methods = ['debug', 'info', 'log', 'warn', 'error', 'trace'] as const;
  const spies = methods.map((method) =>
    vi.spyOn(console, method).mockImplementation((...said) => write('console', format(...said))),
  );
  const warned = (warning: Error) => write('warnings', allOf(warning));
  process.on('warning', warned);
  return () => {
    process.off('warning', warned);
    for (const spy of spies) spy.mockRestore();
  };
}
