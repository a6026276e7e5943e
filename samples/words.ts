import type { Clock, Duration, Explanation, Session, Turn } from 'adjourn';

/** What the sample bot keeps in `session.data`. */
export interface BotData {
  /** The last thing the user said in this session. */
  last?: string;
}

/** The desk of people that the sample bot hands over to. */
export const desk = 'desk';

/** What every session starts with; `initial` of `createSessions`. */
export function initial(): BotData {
  return {};
}

/**
 * The logic of every sample bot: what it answers to a text or a tapped payload. It shows its session in its answers:
 * `#3 hello` is the third turn of this session. A word that has no answer of its own is echoed like any other text.
 * @param text what the user wrote, or the payload of what they tapped; undefined for a picture and the like, which get no answer
 * @throws Error for the word `crash`
 */
export async function answer(turn: Turn<BotData>, text: string | undefined, clock: Clock): Promise<string | undefined> {
  if (text === undefined) return undefined;
  const [word = '', ...rest] = text.trim().split(/\s+/);
  const argument = rest.join(' ');
  turn.update((session) => {
    session.data.last = text;
    change(session, word, argument);
  });
  if (word === 'crash') throw new Error('The user asked the sample bot to crash.');
  if (word === 'slow') await clock.sleep(Number(argument) * 1_000, turn.signal);
  return told(turn.session, word, argument) ?? `#${turn.session.turnCount} ${text}`;
}

/** The words that change the session. */
function change(session: Session<BotData>, word: string, argument: string): void {
  switch (word) {
    case 'set':
      setVariable(session, argument);
      break;
    case 'tag':
      session.tags.set(argument.split(/[\s,]+/).filter((tag) => tag !== ''));
      break;
    case 'open':
      session.dialog.push(argument);
      break;
    case 'mood':
      if (argument !== '') session.sentiment = Number(argument);
      break;
    case 'login':
      session.auth.set(argument, { accessToken: `token of ${argument}` });
      break;
    case 'expire':
      session.expireAfter(duration(argument));
      break;
    case 'outcome':
      session.outcome = argument;
      break;
    case 'agent':
      if (argument === 'please') session.handoff(desk, 'queue');
      break;
  }
}

/** The words that ask about the session. */
function told(session: Session<BotData>, word: string, argument: string): string | undefined {
  switch (word) {
    case 'get':
      return `${argument}=${shown(session.variables.get(argument))}`;
    case 'tags':
      return `current=${list(session.tags.current)} historic=${list(session.tags.historic.map(list))}`;
    case 'dialog':
      return session.dialog.stack.map((frame) => frame.id).join('>') || '-';
    case 'mood':
      return argument === '' ? `mood=${shown(session.sentiment)}` : undefined;
    case 'auth':
      return `auth=${session.auth.profiles().join(',') || '-'}`;
    case 'who':
      return `session=${session.id} start=${session.startReason} interactive=${session.interactive} developer=${session.developer}`;
    case 'explain':
      return explained(session.explain());
    case 'agent':
      return argument === 'please' ? 'A person will answer you.' : undefined;
    default:
      return undefined;
  }
}

/** `color=red`, `color=red ttl=45`, `color=red scope=contact`. */
function setVariable(session: Session<BotData>, argument: string): void {
  const [assignment = '', ...options] = argument.split(' ');
  const [name = '', ...value] = assignment.split('=');
  const given = Object.fromEntries(options.map((option) => option.split('=', 2)));
  const { ttl, scope } = given as { ttl?: string; scope?: 'session' | 'contact' };
  session.variables.set(name, value.join('='), {
    ...(ttl === undefined ? {} : { ttl: duration(ttl) }),
    ...(scope === undefined ? {} : { scope }),
  });
}

/** Minutes where it is a number, else text such as `90s`. */
function duration(text: string): Duration {
  const minutes = Number(text);
  return Number.isFinite(minutes) ? minutes : (text as Duration);
}

/** Why the session lives as long as it does, in one sentence for each fact. */
function explained(why: Explanation): string {
  const levels = why.inputs.map((input) => `${input.level} says ${span(input.ms)}`).join(', ');
  const cap = why.cap === undefined ? '' : `; ${why.cap.from} caps at ${span(why.cap.ms)}`;
  const deadline = why.session?.deadline;
  const until =
    deadline === undefined ? 'It does not expire.' : `It expires at ${new Date(deadline).toISOString()} unless you write.`;
  return `${span(why.effectiveMs)} of silence (${levels}${cap}). ${until}`;
}

function span(ms: number): string {
  return ms === 0 ? 'no end' : `${ms / 60_000} min`;
}

function shown(value: unknown): string {
  return value === undefined ? '-' : String(value);
}

function list(items: readonly string[]): string {
  return `[${items.join(',')}]`;
}
