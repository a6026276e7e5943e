import type { AgentSettings } from '../../src/middleware/core/agents.ts';
import type { DeskOptions } from '../../src/middleware/desk.ts';
import type { AdjournEvent } from '../../src/middleware/events.ts';
import type { EndpointOptions } from '../../src/middleware/hooks.ts';
import type { Turn } from '../../src/middleware/turn.ts';
import { type ClosingBotOptions, closingBot, type Data, timeOf } from './toy.ts';

/** Reassigned after 10 minutes, due within 30, warned 5 before, closed after an hour of the agent's silence. */
export const timers: AgentSettings = {
  reassignAfter: 10,
  replyWithin: 30,
  warnBefore: 5,
  closeAfter: 60,
  closingMessage: 'Thank you, bye',
};

export interface DeskBotOptions extends ClosingBotOptions {
  readonly agents?: AgentSettings;
  /** Further settings of the endpoint. */
  readonly settings?: EndpointOptions<Data>;
  /** Who works at the desk. @default A, B and C */
  readonly staff?: DeskOptions<Data>['agents'];
  /** Who of them is not there. @default none */
  readonly away?: readonly string[];
  readonly desk?: Omit<DeskOptions<Data>, 'agents'>;
}

/** A bot that closes proactively and hands over to a desk called `support`. */
export async function deskBot(options: DeskBotOptions = {}) {
  const { agents = timers, settings = {}, staff = ['A', 'B', 'C'], away = [], desk: deskOptions, ...more } = options;
  const heard: string[] = [];
  const bot = closingBot({ agents, ...settings }, more);
  const desk = bot.sessions.desk('support', {
    agents: staff,
    onMessage: (turn) => void heard.push(textOf(turn)),
    ...deskOptions,
  });
  for (const one of staff) {
    const id = typeof one === 'string' ? one : one.id;
    if (!away.includes(id)) await desk.presence(id, 'online');
  }
  bot.events.length = 0;
  /** Somebody else than Ada writes. */
  const from = (user: string, text = 'hi', run?: (turn: Turn<Data>) => unknown) =>
    bot.deliver(bot.message(text, { user, conversation: { id: user, kind: 'direct' } }), run);
  return {
    ...bot,
    desk,
    heard,
    from,
    /** Everything that happened but the beginning of sessions and what customers wrote: `10:20:00 reassigned B`. */
    story: () =>
      bot.events.filter(({ type }) => !['opened', 'customer_wrote', 'presence', 'settings_changed'].includes(type)).map(lineOf),
    /** The agents' loads, in order. */
    loads: async () => (await desk.agents()).map(({ load }) => load),
    /** Lets what is due now happen. */
    rest: () => bot.clock.advance(100),
  };
}

function lineOf(event: AdjournEvent): string {
  return [timeOf(event.at), event.type, 'agent' in event ? event.agent : '-'].join(' ');
}

/** Key of somebody's conversation. */
export function keyOf(user: string): string {
  return `toy/main/${user}`;
}

/** A handler that gives the session to the desk. */
export function handsOff(turn: Turn<Data>): void {
  turn.session.handoff('support');
}

export function textOf({ activity }: Pick<Turn, 'activity'>): string {
  return activity.kind === 'message' ? (activity.text ?? '') : activity.kind;
}
