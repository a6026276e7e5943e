import { stripVTControlCharacters, styleText } from 'node:util';
import { type AdjournEvent, isAdjournError, type Sessions, type Turn } from 'adjourn';
import type { BotData } from '../words.ts';
import { type Row, rowOf, rowsOf, shownRow } from './rows.ts';

/** What somebody at the desk can type; everything else is their answer. */
export const deskWords = [
  ['list', 'what waits, the least time left first; so does an empty line'],
  ['take 1', 'a conversation of the list is yours, and what you type from now on goes there'],
  ['say TEXT', 'an answer that would read as a word of the desk'],
  ['return', 'the bot answers again'],
  ['close', 'the session is over'],
  ['offline, online', 'whether you are there'],
] as const;

export interface SeatOptions {
  readonly sessions: Sessions<BotData>;
  /** The desk that the bots hand over to. */
  readonly desk: string;
  /** Who sits here. */
  readonly agent: string;
  /** What to call somebody. @param id as their channel names them */
  readonly nameOf: (channel: string, id: string) => string;
  readonly print: (line: string) => void;
}

/** Somebody's place at a desk in a terminal. */
export interface Seat {
  /** Does what they type: a word of {@link deskWords}, or an answer. What cannot be done is told. */
  types(line: string): Promise<void>;
  /** They go. */
  leaves(): Promise<void>;
}

/** Opens the desk with one agent, who is online from now on, and tells them what happens there. */
export async function takeSeat({ sessions, desk: name, agent, nameOf, print }: SeatOptions): Promise<Seat> {
  /** Conversations by their numbers in the list; a number stays as long as people have the conversation. */
  const numbers = new Map<string, number>();
  const names = new Map<string, string>();
  /** When replies were due that are late by now, by session. */
  const missed = new Map<string, number>();
  let current: string | undefined;
  /** The session whose hand-over has ended last. */
  let left: string | undefined;
  let counted = 0;

  const numberOf = (key: string): number => {
    const number = numbers.get(key) ?? ++counted;
    numbers.set(key, number);
    return number;
  };
  const tell = (key: string, what: string) => print(`${styleText('bold', `${numberOf(key)}`)} ${names.get(key) ?? key} ${what}`);

  const desk = sessions.desk(name, {
    agents: [agent],
    onMessage(turn) {
      names.set(turn.key, personOf(turn, nameOf));
      tell(turn.key, `writes: ${textOf(turn)}`);
    },
  });

  const shown = (row: Row) => shownRow(row, sessions.clock.now());
  const list = async () => {
    const rows = await rowsOf({ desk, sessions, agent, missed });
    for (const row of rows) tell(row.key, `${row.key === current ? '← ' : ''}${shown(row)}`);
    if (rows.length === 0) print('Nobody waits.');
  };
  const asks = async (key: string, session: string) =>
    tell(key, `asks for a person: ${shown(await rowOf({ sessions, missed }, { key, session }))}`);

  const complain = (error: unknown) => print(styleText('red', isAdjournError(error) ? error.message : String(error)));
  const happened = (event: AdjournEvent) => {
    const { key } = event;
    if (key === undefined) return;
    switch (event.type) {
      case 'handed_off':
        names.set(key, `${nameOf(event.channel, event.user ?? '')}@${event.endpoint}`);
        void asks(key, event.session).catch(complain);
        break;
      case 'warned':
        if (event.to === 'agent') tell(key, styleText('yellow', `has waited long: ${event.beforeMs / 60_000} min left`));
        break;
      case 'overdue':
        missed.set(event.session, event.dueAt);
        tell(key, styleText('red', 'has waited too long'));
        break;
      case 'answered':
        missed.delete(event.session);
        break;
      case 'handed_back':
        tell(key, 'has left the desk');
        left = event.session;
        missed.delete(left);
        numbers.delete(key);
        if (current === key) current = undefined;
        break;
      case 'closed':
        // Told right after the end of a hand-over, where it ends with the session.
        if (event.session === left) print(`  and the session is closed (${event.reason})`);
    }
  };
  const stopListening = sessions.on('*', happened);

  const take = async (number: string) => {
    const [key] = [...numbers].find(([, one]) => one === Number(number)) ?? [];
    if (key === undefined) return print(`There is no conversation ${number}.`);
    await desk.assign(key, agent);
    current = key;
    tell(key, 'is yours; what you type goes there');
  };
  const inCurrent = async (doing: (key: string) => Promise<unknown>) => {
    if (current === undefined) print('Take a conversation first: take 1');
    else await doing(current);
  };
  const does = async (line: string): Promise<unknown> => {
    const [word = '', ...rest] = line.split(/\s+/);
    const argument = rest.join(' ');
    if (line === '' || line === 'list') return list();
    if (word === 'take' && /^\d+$/.test(argument)) return take(argument);
    if (line === 'return') return inCurrent((key) => desk.returnToBot(key));
    if (line === 'close') return inCurrent((key) => desk.close(key));
    if (line === 'offline' || line === 'online') {
      await desk.presence(agent, line);
      return print(`You are ${line}.`);
    }
    const message = word === 'say' ? argument : line;
    return inCurrent((key) => desk.reply(key, { agent, message }));
  };

  await desk.presence(agent, 'online');
  return {
    types: async (line) => void (await does(line.trim()).catch(complain)),
    leaves() {
      stopListening();
      return desk.presence(agent, 'offline');
    },
  };
}

function personOf({ channel, endpoint, activity }: Turn<BotData>, nameOf: SeatOptions['nameOf']): string {
  return `${nameOf(channel, activity.user ?? '')}@${endpoint}`;
}

/** What people write is printed as it is, but for what would steer the terminal. */
function textOf({ activity }: Turn<BotData>): string {
  const text = activity.kind === 'message' ? activity.text : activity.kind === 'postback' ? `[${activity.payload}]` : undefined;
  return stripVTControlCharacters(text ?? `(${activity.type})`).replace(/\p{Cc}+/gu, ' ');
}
