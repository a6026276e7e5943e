import { engineOf } from './middleware/attach.ts';
import { nameOf } from './middleware/errors.ts';
import type { AdjournEvent } from './middleware/events.ts';
import type { Facts, Observer, Piece } from './middleware/observer.ts';
import type { Sessions } from './middleware/sessions.ts';

/** Names and values, as OpenTelemetry takes them. */
export type Attributes = Record<string, string | number | boolean | undefined>;

/** What is used of a span of `@opentelemetry/api`. */
export interface Span {
  setAttribute(name: string, value: string): unknown;
  setAttributes(attributes: Attributes): unknown;
  setStatus(status: { readonly code: number }): unknown;
  end(): void;
}

/** What is used of a tracer of `@opentelemetry/api`. */
export interface Tracer {
  startActiveSpan<T>(
    name: string,
    options: { readonly kind: number; readonly attributes: Attributes },
    work: (span: Span) => T,
  ): T;
}

/** What is used of a meter of `@opentelemetry/api`. */
export interface Meter {
  createCounter(name: string, options: InstrumentOptions): { add(value: number, attributes: Attributes): void };
  createHistogram(name: string, options: InstrumentOptions): { record(value: number, attributes: Attributes): void };
}

export interface InstrumentOptions {
  readonly unit: string;
  readonly description: string;
}

/** Where telemetry goes: `trace.getTracer('adjourn')` and `metrics.getMeter('adjourn')` of `@opentelemetry/api`, or either. */
export interface Telemetry {
  readonly tracer?: Tracer | undefined;
  readonly meter?: Meter | undefined;
}

/** `SpanKind` and `SpanStatusCode` of the API, so that nothing has to be loaded here. */
const spanKinds = { turn: 4, close: 3, sweep: 0 } as const satisfies Record<Piece, number>;
const errorStatus = 2;

/**
 * Spans around turns, closes and sweeps, with the bot's own spans inside them; counters and histograms of what sessions do.
 *
 * Spans: `adjourn.turn`, `adjourn.close`, `adjourn.sweep`. Durations are seconds, by the messaging conventions
 * (`messaging.process.duration`); sessions are named by `session.id` and `session.previous_id`. Nothing holds a message, a token or
 * the name of a person.
 * @returns takes it off again
 */
export function instrument<Data, Endpoint extends string>(
  sessions: Sessions<Data, Endpoint>,
  { tracer, meter }: Telemetry,
): () => void {
  const engine = engineOf(sessions);
  const before = engine.observer;
  engine.observer = watching(tracer, meter);
  const silence = meter === undefined ? () => {} : sessions.on('*', counting(meter));
  return () => {
    engine.observer = before;
    silence();
  };
}

function watching(tracer: Tracer | undefined, meter: Meter | undefined): Observer {
  const turns = meter?.createHistogram('messaging.process.duration', {
    unit: 's',
    description: 'From a message\u2019s arrival to the end of its turn, waiting included.',
  });
  return {
    async around(piece, facts, work) {
      let known = facts;
      const began = performance.now();
      const traced = (span?: Span) =>
        work((more) => {
          known = { ...known, ...more };
          span?.setAttributes(attributesOf(piece, more));
        });
      let failed: unknown;
      try {
        return tracer ? await inSpan(tracer, piece, facts, traced) : await traced();
      } catch (error) {
        failed = error;
        throw error;
      } finally {
        const error = failed === undefined ? {} : { 'error.type': nameOf(failed) };
        if (piece === 'turn') turns?.record((performance.now() - began) / 1_000, { ...labels(known), ...error });
      }
    },
  };
}

/** The bot's handler is called inside the span. What it throws marks the span, by the error's name alone: its text may be the user's. */
function inSpan<T>(tracer: Tracer, piece: Piece, facts: Facts, work: (span: Span) => Promise<T>): Promise<T> {
  const options = { kind: spanKinds[piece], attributes: attributesOf(piece, facts) };
  return tracer.startActiveSpan(`adjourn.${piece}`, options, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      span.setAttribute('error.type', nameOf(error));
      span.setStatus({ code: errorStatus });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** What has few values, for metrics. */
function labels({ channel, endpoint, verdict, degraded }: Facts): Attributes {
  return defined({
    'messaging.system': channel,
    'messaging.destination.name': endpoint,
    'messaging.operation.name': 'turn',
    'adjourn.verdict': verdict,
    'adjourn.degraded': degraded,
  });
}

function attributesOf(piece: Piece, { channel, endpoint, session, previous, verdict, degraded, count }: Facts): Attributes {
  return defined({
    'messaging.system': channel,
    'messaging.destination.name': endpoint,
    'messaging.operation.name': channel === undefined ? undefined : piece,
    'messaging.operation.type': channel === undefined ? undefined : piece === 'turn' ? 'process' : 'send',
    'messaging.batch.message_count': count,
    'session.id': session,
    'session.previous_id': previous,
    'adjourn.verdict': verdict,
    'adjourn.degraded': degraded,
  });
}

/** Counts events by name, and what a close tells. */
function counting(meter: Meter): (event: AdjournEvent) => void {
  const events = meter.createCounter('adjourn.events', { unit: '{event}', description: 'Decisions, by their name.' });
  const closed = meter.createCounter('adjourn.sessions.closed', {
    unit: '{session}',
    description: 'Closed sessions, by reason.',
  });
  const lag = meter.createHistogram('adjourn.close.lag', { unit: 's', description: 'From the end of a session to its close.' });
  const length = meter.createHistogram('adjourn.session.duration', { unit: 's', description: 'From start to end of a session.' });
  const late = meter.createHistogram('adjourn.late', { unit: 's', description: 'By how much activities came late.' });
  return (event) => {
    const where = { 'messaging.system': event.channel, 'messaging.destination.name': event.endpoint };
    const code = 'code' in event ? { 'error.type': event.code } : {};
    events.add(1, { ...where, ...code, 'adjourn.event': event.type });
    if (event.type === 'late') late.record(event.lateBy / 1_000, where);
    if (event.type !== 'closed') return;
    const how = {
      ...where,
      'adjourn.close.reason': event.reason,
      // The part behind the colon has too many values to count by.
      'adjourn.close.message': event.message.replace(/:.*$/, ''),
      'adjourn.session.interactive': event.interactive,
      'adjourn.session.developer': event.developer,
      'adjourn.session.billable': event.billable,
    };
    closed.add(1, how);
    lag.record((event.closedAt - event.endedAt) / 1_000, { ...where, 'adjourn.close.reason': event.reason });
    length.record((event.endedAt - event.startedAt) / 1_000, { ...where, 'adjourn.close.reason': event.reason });
  };
}

function defined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
