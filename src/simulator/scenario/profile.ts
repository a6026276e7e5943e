import type { ContactExport } from '../../middleware/export.ts';
import type { Sessions } from '../../middleware/sessions.ts';
import type { ExpectedContact } from './format.ts';
import { iso, timeFields } from './lines.ts';
import { isMeant, type Mismatch } from './match.ts';

/** A session of a contact with its transcript. Plain data: it may come from another process. */
export type ProfiledSession = ContactExport['sessions'][number] | UnlistedSession;

/** A session that no list has, though something of it is kept. */
type UnlistedSession = Pick<ContactExport['sessions'][number], 'session' | 'transcript'> & { readonly state: 'unlisted' };

/** What a session can be expected of, beside its transcript. */
export const sessionFields: readonly string[] = [
  ...['state', 'reason', 'outcome', 'agent', 'turns', 'endedAt', 'message', 'interactive', 'developer', 'billable'],
];

/** What a line of a transcript can be expected of. */
export const lineFields: readonly string[] = ['from', 'agent', 'type', 'text', 'delivery'];

/**
 * What a contact went through, newest first.
 * @param named sessions that they are known to have had: what is left of those shows even where no list has them
 */
export async function profileOf<Data>(
  sessions: Sessions<Data>,
  key: string,
  named: readonly string[],
): Promise<readonly ProfiledSession[]> {
  const contact = sessions.contact(key);
  const { sessions: listed } = await contact.export();
  const others = named.filter((id) => !listed.some(({ session }) => session === id));
  const rest = await Promise.all(
    others.map(async (session): Promise<UnlistedSession[]> => {
      const { lines: transcript } = await contact.transcript(session);
      const isKept = transcript.length > 0 || (await sessions.closed(session)) !== undefined;
      return isKept ? [{ session, state: 'unlisted', transcript }] : [];
    }),
  );
  return [...listed, ...rest.flat()];
}

/** Whether these are all sessions, in this order, each with all of its lines; fields that are not named do not matter. */
export function matchProfile(entry: ExpectedContact, profile: readonly ProfiledSession[], offset: number): Mismatch[] {
  const holds = (wanted: Fields, got: object) =>
    Object.entries(wanted).every(([name, value]) => isMeant(name, value, shown(name, got), offset));
  const held =
    entry.sessions.length === profile.length &&
    entry.sessions.every(({ fields, transcript }, index) => {
      const { transcript: lines = [], ...session } = profile[index] ?? {};
      if (!holds(fields, session)) return false;
      if (transcript === undefined) return true;
      return transcript.length === lines.length && transcript.every((line, place) => holds(line, lines[place] ?? {}));
    });
  if (held) return [];
  const got = profile.map(({ transcript, ...session }) =>
    JSON.stringify({ ...told(sessionFields, session), transcript: transcript.map((line) => told(lineFields, line)) }),
  );
  const expected = entry.sessions.map(({ fields, transcript }) => ({ ...fields, transcript }));
  return [{ path: entry.path, expected: JSON.stringify(expected), got: got.map((one) => `\n${one}`).join('') || 'no session' }];
}

type Fields = Readonly<Record<string, unknown>>;

/** A field as files write it: null where it is absent. */
function shown(name: string, of: object): unknown {
  const value = (of as Fields)[name] ?? null;
  return timeFields.has(name) && typeof value === 'number' ? iso(value) : value;
}

function told(names: readonly string[], of: object): Fields {
  return Object.fromEntries(names.map((name) => [name, shown(name, of)]).filter(([, value]) => value !== null));
}
