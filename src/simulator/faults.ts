import type { ApiAnswer, ApiCall, Vendor } from './vendor.ts';

/**
 * What can go wrong with a vendor's API. `500-delivered`: the message arrives, the call fails.
 * `timeout`: no answer comes until the connection breaks, and nothing arrives.
 */
export type Fault = '429' | '500' | '500-delivered' | 'timeout' | 'window' | 'blocked';

/** What a call meets: an answer of its own, no answer at all, or the normal course. */
export type Met =
  | { readonly meets: 'answer'; readonly answer: ApiAnswer }
  | { readonly meets: 'silence' }
  | { readonly meets: 'nothing' };

/** The faults that wait for each vendor's next calls, in the order they were asked for. */
export interface Faults {
  add(channel: string, fault: Fault, times: number): void;
  /** Takes the next fault that waits for this call. @param deliver lets the message arrive */
  meet(vendor: Vendor, call: ApiCall, deliver: () => void): Met;
}

export function faults(): Faults {
  const waiting = new Map<string, Fault[]>();
  return {
    add(channel, fault, times) {
      waiting.set(channel, [...(waiting.get(channel) ?? []), ...Array.from({ length: times }, () => fault)]);
    },
    meet(vendor, call, deliver) {
      const fault = vendor.sends(call) ? waiting.get(vendor.channel)?.shift() : undefined;
      switch (fault) {
        case undefined:
          return { meets: 'nothing' };
        case 'timeout':
          return { meets: 'silence' };
        case '500-delivered':
          deliver();
          return { meets: 'answer', answer: vendor.fault('500', call) };
        default:
          return { meets: 'answer', answer: vendor.fault(fault, call) };
      }
    },
  };
}
