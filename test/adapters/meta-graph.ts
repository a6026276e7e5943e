import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { countCalls } from '../../src/simulator/scenario/calls.ts';

/** What a call of the Graph API meets: an answer, a connection that breaks, or one that stays open without a word. */
export type Meets = { readonly status: number; readonly error?: object | undefined } | 'break' | 'silence';

export interface GraphCall {
  readonly path: string;
  readonly token: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A Graph API that writes down what it is asked, takes every message, and says otherwise when it is told to. */
export async function fakeGraph() {
  const calls: GraphCall[] = [];
  let meets: Meets = { status: 200 };
  let silent = 0;
  const answer = (res: ServerResponse) => {
    if (meets === 'break') return res.destroy();
    if (meets === 'silence') {
      silent += 1;
      return undefined;
    }
    const { status, error } = meets;
    // The members of both channels side by side: each reads its own.
    const taken = { message_id: `m_${calls.length}`, messages: [{ id: `wamid.${calls.length}` }] };
    res.writeHead(status, { 'content-type': 'application/json' });
    return res.end(status < 300 ? JSON.stringify(taken) : error === undefined ? '<html>' : JSON.stringify({ error }));
  };
  const server = createServer(async (req, res) => {
    let text = '';
    for await (const chunk of req) text += chunk;
    const token = /^Bearer (.+)$/.exec(req.headers.authorization ?? '')?.[1];
    calls.push({ path: req.url ?? '', token, body: JSON.parse(text) });
    answer(res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const open = countCalls(url, () => {});
  return {
    url,
    calls,
    /** From now on. */
    meet(next: Meets) {
      meets = next;
    },
    /** Whether a call will still be answered. */
    busy: () => open.open() > silent,
    close() {
      open.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

export type FakeGraph = Awaited<ReturnType<typeof fakeGraph>>;
