import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';

/** Counts the HTTP calls of this process to one address, from the moment they are made until they are answered. */
export interface CallCount {
  open(): number;
  close(): void;
}

/**
 * @param origin `http://127.0.0.1:1234`
 * @param onCall told in the caller's async context when a call is made; what it returns is told when that call is over
 */
export function countCalls(origin: string, onCall: () => (() => void) | undefined): CallCount {
  const { host } = new URL(origin);
  const open = new Map<object, (() => void) | undefined>();
  const began = (request: object) => {
    open.set(request, onCall());
  };
  const ended = (message: unknown) => {
    const { request } = message as { request: object };
    const over = open.get(request);
    open.delete(request);
    over?.();
  };
  /** By `fetch`. */
  const fetched = (message: unknown) => {
    const { request } = message as { request: { readonly origin?: unknown } };
    if (String(request.origin) === origin) began(request);
  };
  /** By `node:http`. */
  const requested = (message: unknown) => {
    const { request } = message as { request: ClientRequest };
    if (request.getHeader('host') === host) began(request);
  };
  const listeners: readonly (readonly [string, (message: unknown) => void])[] = [
    ['undici:request:create', fetched],
    ['undici:request:trailers', ended],
    ['undici:request:error', ended],
    ['http.client.request.start', requested],
    ['http.client.response.finish', ended],
    ['http.client.request.error', ended],
  ];
  for (const [channel, listener] of listeners) subscribe(channel, listener);
  return {
    open: () => open.size,
    close() {
      for (const [channel, listener] of listeners) unsubscribe(channel, listener);
    },
  };
}
