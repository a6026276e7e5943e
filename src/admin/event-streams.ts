import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AdjournEvent } from '../middleware/events.ts';
import { Refused } from './refused.ts';

/** Events kept for those who come back. */
const keptEvents = 1_000;
/** Most streams at a time. */
const mostStreams = 32;
/** So often a stream is told that it lives, real milliseconds. */
const heartbeatMs = 15_000;
/** A stream whose reader has left so many bytes unread is cut; they come back for what they have missed. */
const mostUnread = 1_048_576;

/** Tells events to whoever listens over HTTP. Source of the form: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface EventStreams {
  /** @param lastId the id of the last event that the reader has. @throws Refused where there are too many, or after `close` */
  open(res: ServerResponse, lastId: string | undefined): void;
  close(): void;
}

/** @param listen begins to listen to all events; gives what stops it */
export function eventStreams(listen: (listener: (event: AdjournEvent) => void) => () => void): EventStreams {
  // Ids of another process, or of this one before it began anew, mean nothing here.
  const life = randomUUID().slice(0, 8);
  const kept: { readonly count: number; readonly event: object }[] = [];
  const streams = new Set<ServerResponse>();
  let count = 0;
  let closed = false;
  let heart: NodeJS.Timeout | undefined;

  const frame = (one: (typeof kept)[number]) => `id: ${life}.${one.count}\ndata: ${JSON.stringify(one.event)}\n\n`;
  const write = (text: string) => {
    for (const res of streams) {
      if (res.writableLength > mostUnread) res.destroy();
      else res.write(text);
    }
  };
  const stop = listen((event) => {
    const one = { count: ++count, event: shown(event) };
    kept.push(one);
    if (kept.length > keptEvents) kept.shift();
    if (streams.size > 0) write(frame(one));
  });
  /** What came after the last event a reader has; all there is where that is not known any more. */
  const missed = (lastId: string): string => {
    const [, of, last = 0] = /^(\w+)\.(\d{1,15})$/.exec(lastId) ?? [];
    const from = Number(last);
    const known = of === life && from <= count && from >= (kept[0]?.count ?? 1) - 1;
    const left = known ? kept.filter((one) => one.count > from) : kept;
    return (known ? '' : 'event: missed\ndata: {}\n\n') + left.map(frame).join('');
  };

  return {
    open(res, lastId) {
      if (closed) throw new Refused(503, 'The streams are closed.');
      // They hung up while somebody found out who they are: nobody would ever take the stream out again.
      if (res.closed || res.destroyed) return;
      if (streams.size >= mostStreams) throw new Refused(429, `There are ${mostStreams} streams.`, { 'retry-after': '15' });
      res.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
      res.write(`retry: 1000\n\n${lastId === undefined ? '' : missed(lastId)}`);
      streams.add(res);
      heart ??= setInterval(() => write(':\n\n'), heartbeatMs).unref();
      res.once('close', () => {
        streams.delete(res);
        if (streams.size > 0) return;
        clearInterval(heart);
        heart = undefined;
      });
    },
    close() {
      closed = true;
      stop();
      for (const res of streams) res.end();
    },
  };
}

/** An event as plain data: what was thrown may hold anything, and stays here. */
function shown(event: AdjournEvent): object {
  if (event.type !== 'error') return event;
  const { error: _thrown, ...rest } = event;
  return rest;
}
