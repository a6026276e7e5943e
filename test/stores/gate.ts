import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP relay in front of a server, so that a test can take the server away and bring it back. */
export interface Gate {
  /** Where clients connect. */
  readonly url: string;
  /** Breaks every connection and accepts no more. */
  shut(): void;
  open(): void;
  /** Whether the server behind answers at all. */
  reachable(): Promise<boolean>;
  close(): Promise<void>;
}

export async function gateTo(target: URL): Promise<Gate> {
  const port = Number(target.port || 6379);
  const host = target.hostname;
  const sockets = new Set<Socket>();
  let isOpen = true;

  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    return socket;
  };
  const breakAll = () => {
    for (const socket of sockets) socket.destroy();
  };

  const server = createServer((client) => {
    if (!isOpen) return void client.destroy();
    const upstream = track(connect(port, host));
    track(client).pipe(upstream).pipe(client);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    shut() {
      isOpen = false;
      breakAll();
    },
    open() {
      isOpen = true;
    },
    reachable: () =>
      new Promise((resolve) => {
        const probe = connect(port, host);
        probe.on('connect', () => probe.end(() => resolve(true)));
        probe.on('error', () => resolve(false));
      }),
    async close() {
      breakAll();
      server.close();
      await once(server, 'close');
    },
  };
}
