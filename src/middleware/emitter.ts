import type { AdjournEvent, EventName } from './events.ts';

/** A listener of `sessions.on`. */
export type Listener<Name extends EventName | '*'> = (
  event: Name extends '*' ? AdjournEvent : Extract<AdjournEvent, { type: Name }>,
) => void;

/** Tells events to listeners, in order. A listener that throws disturbs neither the turn nor the other listeners. */
export interface Emitter {
  on<Name extends EventName | '*'>(name: Name, listener: Listener<Name>): () => void;
  emit(event: AdjournEvent): void;
}

export function emitter(failed: (error: unknown) => void): Emitter {
  const listeners = new Map<string, Set<(event: never) => void>>();
  const tell = (name: string, event: AdjournEvent) => {
    for (const listener of listeners.get(name) ?? []) {
      try {
        (listener as (event: AdjournEvent) => void)(event);
      } catch (error) {
        failed(error);
      }
    }
  };
  return {
    on(name, listener) {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => set.delete(listener);
    },
    emit(event) {
      tell(event.type, event);
      tell('*', event);
    },
  };
}
