import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Faults } from './faults.ts';
import type { ApiAnswer, ApiCall, Vendor, VendorWorld } from './vendor.ts';

/** What the vendors' APIs work on. */
export interface ApiWorld {
  readonly vendors: readonly Vendor[];
  readonly faults: Faults;
  worldOf(vendor: Vendor): VendorWorld;
  /** How long a call without an answer stays open. */
  patience(): Promise<void>;
  /** A call that no vendor here answers. */
  unknown(call: ApiCall, channel: string | undefined): void;
  /** The number of calls that are being answered has changed. */
  changed(): void;
}

export interface ApiServer {
  readonly url: string;
  /** Calls that have come in and are not answered yet. */
  open(): number;
  /** Those of them that get no answer. */
  held(): number;
  close(): Promise<void>;
}

/** One HTTP server on 127.0.0.1 for the APIs of all vendors. */
export async function startApiServer(world: ApiWorld): Promise<ApiServer> {
  let open = 0;
  const held = new Set<ServerResponse>();
  const hold = (res: ServerResponse) => {
    held.add(res);
    world.changed();
    void world.patience().then(() => res.destroy());
  };
  const server = createServer((req, res) => {
    open += 1;
    res.once('close', () => {
      open -= 1;
      held.delete(res);
      world.changed();
    });
    readCall(req).then(
      (call) => answer(call, res, world, hold),
      () => res.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => open,
    held: () => held.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readCall(req: IncomingMessage): Promise<ApiCall> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const headers = Object.entries(req.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ]);
  return {
    method: req.method ?? 'GET',
    path: req.url ?? '/',
    headers: Object.fromEntries(headers),
    text: Buffer.concat(chunks).toString('utf8'),
  };
}

function answer(call: ApiCall, res: ServerResponse, world: ApiWorld, hold: (res: ServerResponse) => void): void {
  const owners = world.vendors.filter((one) => one.owns(call));
  for (const vendor of owners) {
    const met = world.faults.meet(vendor, call, () => void vendor.api(call, world.worldOf(vendor)));
    if (met.meets === 'silence') {
      hold(res);
      return;
    }
    const found = met.meets === 'answer' ? met.answer : vendor.api(call, world.worldOf(vendor));
    if (found !== undefined) {
      send(res, found);
      return;
    }
  }
  const [owner] = owners;
  world.unknown(call, owner?.channel);
  send(res, owner?.unknownRoute(call) ?? { status: 501, body: { error: 'No vendor here has such a route.' } });
}

function send(res: ServerResponse, { status, headers = {}, body }: ApiAnswer): void {
  const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8';
  res.writeHead(status, { 'content-type': type, ...headers });
  res.end(text);
}
