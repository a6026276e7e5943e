import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, type ContextManager, context, ROOT_CONTEXT } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Sessions } from '../../src/index.ts';
import { instrument } from '../../src/otel.ts';

/** Sessions watched by OpenTelemetry's own SDK, which keeps all in memory. `context.disable()` takes its context manager off again. */
export function telemetry<Data, Endpoint extends string>(sessions: Sessions<Data, Endpoint>) {
  context.setGlobalContextManager(contexts());
  const spans = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }).getTracer('adjourn');
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meters = new MeterProvider({ readers: [reader] });
  const remove = instrument(sessions, { tracer, meter: meters.getMeter('adjourn') });
  return {
    tracer,
    remove,
    spans: () => spans.getFinishedSpans(),
    /** Data points by the metric's name. */
    async metrics() {
      await reader.forceFlush();
      const all =
        exporter
          .getMetrics()
          .at(-1)
          ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
      return Object.fromEntries(all.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints]));
    },
    close: () => meters.shutdown(),
  };
}

/** What Node's own context manager does, as far as spans need it. */
function contexts(): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (one, work, self, ...args) => storage.run(one, () => work.apply(self, args)),
    bind: (_one, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager;
}
