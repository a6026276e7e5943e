import { createServer, connect as dial, type Socket } from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** How much later everything arrives, each way, milliseconds. */
const delayMs = 1;

interface Ports {
  readonly from: number;
  readonly to: number;
}

/** A wire to a server on this machine that is two milliseconds long, there and back, in a thread of its own. @returns ends it */
export async function slowWire(ports: Ports): Promise<() => Promise<unknown>> {
  const worker = new Worker(new URL(import.meta.url), { workerData: ports });
  await new Promise((resolve) => worker.once('message', resolve));
  return () => worker.terminate();
}

if (!isMainThread && workerData !== null && 'from' in workerData) {
  const { from, to } = workerData as Ports;
  createServer({ noDelay: true }, (near) => {
    const far = dial({ port: to, host: '127.0.0.1', noDelay: true });
    pass(near, far);
    pass(far, near);
  }).listen(from, '127.0.0.1', () => parentPort?.postMessage('listening'));
}

/** Timers are coarser than a millisecond, so it looks at every turn of the loop. */
function pass(source: Socket, target: Socket): void {
  const waiting: { readonly at: number; readonly data: Buffer }[] = [];
  const look = () => {
    while (waiting[0] !== undefined && waiting[0].at <= performance.now()) target.write(waiting.shift()?.data ?? '');
    if (waiting.length > 0) setImmediate(look);
  };
  source.on('data', (data) => {
    waiting.push({ at: performance.now() + delayMs, data });
    if (waiting.length === 1) setImmediate(look);
  });
  source.on('error', () => target.destroy());
  source.on('close', () => target.destroy());
}
