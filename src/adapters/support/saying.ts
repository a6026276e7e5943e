import type { Channel, SendOutcome } from '../../middleware/adapter.ts';
import { resultOf } from '../../middleware/closer.ts';

/** What was said, in an adapter's own reading of it, and where. */
export interface Words {
  readonly text: string | undefined;
  /** @default to the conversation of the turn this code runs in */
  readonly to?: Parameters<Channel['said']>[1];
}

/**
 * Tells of a send once it is known what came of it, before whoever waits for it goes on.
 * @param sent what the vendor's client returned; it is handed back as it is
 * @param outcomeOf reads what the client threw; undefined where there is nothing to tell, since it is tried in another way
 */
export function telling<Sent>(
  sent: Sent,
  words: readonly Words[],
  { said }: Pick<Channel, 'said'>,
  outcomeOf: (error: unknown) => SendOutcome | undefined,
): Sent {
  if (words.length === 0) return sent;
  const tell = (outcome: SendOutcome | undefined) => {
    if (outcome === undefined) return;
    for (const { text, to } of words) said({ text, delivery: resultOf(outcome) }, to);
  };
  Promise.resolve(sent).then(
    () => tell({ outcome: 'sent' }),
    (error) => tell(outcomeOf(error)),
  );
  return sent;
}

/** Told of every call of a method: what it returned, and what it was called with. */
export type Hearer = (returned: unknown, call: readonly unknown[]) => void;

/** Who hears, by what they are: sessions and endpoint. */
interface Listening {
  readonly by: readonly unknown[];
  readonly hearer: Hearer;
}

const listening = new WeakMap<object, Map<string, Listening[]>>();

/**
 * Hears the calls of a method of one object, whoever makes them: of the bot's own client, which the bot calls by itself. What stands in
 * the method's place on this object passes everything on, its members included; class and prototype stay as they are.
 * A frozen object is heard by nobody.
 * @param by who hears: the same again takes the place of the one before
 */
export function hearCalls(object: object, method: string, by: readonly unknown[], hearer: Hearer): void {
  const methods = listening.get(object) ?? new Map<string, Listening[]>();
  listening.set(object, methods);
  const heard = methods.get(method);
  if (heard !== undefined) {
    const same = heard.findIndex((one) => one.by.every((part, index) => part === by[index]));
    heard.splice(same < 0 ? heard.length : same, 1, { by, hearer });
    return;
  }
  const original: unknown = Reflect.get(object, method);
  if (typeof original !== 'function') return;
  const all: Listening[] = [{ by, hearer }];
  const value = new Proxy(original, {
    apply(target, self, call) {
      const returned: unknown = Reflect.apply(target, self, call);
      for (const one of all) one.hearer(returned, call);
      return returned;
    },
  });
  if (Reflect.defineProperty(object, method, { value, configurable: true, writable: true })) methods.set(method, all);
}
