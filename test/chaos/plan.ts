/** What a run of the chaos test does to its bots: made of one number, and the same whenever that is. Times are milliseconds of real time. */
export interface Plan {
  readonly deliveries: readonly Delivery[];
  readonly kills: readonly Kill[];
}

/** One webhook. */
export interface Delivery {
  /** Since the start. */
  readonly at: number;
  readonly channel: Channel;
  /** Which process it goes to first. */
  readonly to: number;
  readonly messages: readonly Message[];
}

export interface Kill {
  readonly at: number;
  readonly process: number;
}

export type Channel = 'messenger' | 'whatsapp';

export interface Message {
  readonly id: string;
  readonly contact: string;
  /** When it was written, since the start. */
  readonly writtenAt: number;
  readonly text: string;
}

export interface PlanOptions {
  readonly seed: number;
  readonly forMs: number;
  readonly contacts: number;
  readonly processes: number;
  /** Between two kills; 0: nobody is killed. */
  readonly killEveryMs: number;
}

export type Random = () => number;

/** Numbers from 0 to 1 that look like chance (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function between(random: Random, from: number, to: number): number {
  return Math.floor(from + random() * (to - from));
}

export function planOf({ seed, forMs, contacts, processes, killEveryMs }: PlanOptions): Plan {
  const random = seeded(seed);
  const single = Array.from({ length: contacts }, (_, n) => deliveriesOf(n, forMs, processes, random)).flat();
  const kills =
    killEveryMs === 0
      ? []
      : Array.from({ length: Math.floor(forMs / killEveryMs) - 1 }, (_, n) => ({
          at: (n + 1) * killEveryMs + between(random, -killEveryMs / 3, killEveryMs / 3),
          process: between(random, 0, processes),
        }));
  return {
    deliveries: batched(
      single.sort((a, b) => a.at - b.at),
      random,
    ),
    kills,
  };
}

/** One contact: some messages in quick succession, a silence that may end the session, and so on. */
function deliveriesOf(contact: number, forMs: number, processes: number, random: Random): Delivery[] {
  const channel = contact % 2 === 0 ? 'messenger' : 'whatsapp';
  const deliveries: Delivery[] = [];
  let written = 0;
  for (let now = between(random, 0, 12_000); now < forMs; now += between(random, 4_000, 20_000)) {
    for (let left = between(random, 1, 6); left > 0 && now < forMs; left--) {
      const id = `c${contact}-${++written}`;
      const message = { id, contact: `${1000 + contact}`, writtenAt: now, text: textOf(id, channel, random) };
      const deliver = (delayMs: number) =>
        deliveries.push({ at: now + delayMs, channel, to: between(random, 0, processes), messages: [message] });
      // Networks are slow now and then: the next message overtakes this one.
      deliver(random() < 0.2 ? between(random, 0, 600) : between(random, 0, 20));
      for (let copies = random() < 0.25 ? between(random, 1, 3) : 0; copies > 0; copies--) deliver(between(random, 0, 4_000));
      now += random() < 0.7 ? between(random, 0, 300) : between(random, 300, 2_500);
    }
  }
  return deliveries;
}

function textOf(id: string, channel: Channel, random: Random): string {
  const dice = random();
  if (dice < 0.02) return 'refresh';
  if (dice < 0.04) return 'discard';
  // What the bot was given before the vendor had its answer cannot be asked for again.
  const word = dice < 0.06 ? 'close' : dice < 0.08 && channel === 'whatsapp' ? 'throw' : 'hello';
  const workMs = random() < 0.1 ? between(random, 50, 400) : between(random, 0, 30);
  return `${id} ${workMs} ${word}`;
}

/** Some webhooks carry what was to be delivered at about the same time. */
function batched(deliveries: readonly Delivery[], random: Random): Delivery[] {
  const batches: Delivery[] = [];
  for (const delivery of deliveries) {
    const last = batches.findLast((one) => one.channel === delivery.channel);
    if (last !== undefined && delivery.at - last.at < 30 && last.messages.length < 5 && random() < 0.3) {
      batches[batches.indexOf(last)] = { ...last, messages: [...last.messages, ...delivery.messages] };
    } else batches.push(delivery);
  }
  return batches;
}
