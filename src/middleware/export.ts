import type { TranscriptLine } from './archive.ts';
import type { ContactPage, ContactSession } from './contacts.ts';
import type { ConversationRecord } from './core/conversation.ts';
import type { SessionState } from './core/session.ts';
import type { Engine } from './engine.ts';
import { lookUp } from './outside.ts';

/** A conversation of a contact, as it is kept now. */
export interface ExportedIdentity {
  readonly key: string;
  readonly session?: Omit<SessionState, 'closing'> | undefined;
  readonly variables: ConversationRecord['variables'];
  /** Names alone: tokens are never exported. */
  readonly authProfiles: readonly string[];
  readonly address?: ConversationRecord['address'];
  readonly locale?: string | undefined;
  readonly unreachable?: string | undefined;
}

/** Everything that is kept of a contact, as JSON. Tokens are left out: only the names of their profiles are told. */
export interface ContactExport {
  /** Session time, epoch ms. */
  readonly at: number;
  readonly identities: readonly ExportedIdentity[];
  readonly sessions: readonly (ContactSession & { readonly transcript: readonly TranscriptLine[] })[];
}

/** A piece of an export: the identities come first, then the sessions, newest first, each followed by its lines, a page at a time. */
export type ExportPart =
  | { readonly part: 'identity'; readonly identity: ExportedIdentity }
  | { readonly part: 'session'; readonly session: ContactSession }
  | { readonly part: 'lines'; readonly lines: readonly TranscriptLine[] };

/**
 * What is kept of a contact, piece by piece: nothing is read before it is asked for, and no more than a page is held.
 * @param keys all their conversations
 * @param sessions pages of their sessions
 */
export async function* exportParts(
  engine: Engine,
  keys: readonly string[],
  sessions: (page: { readonly after?: string | undefined }) => Promise<ContactPage>,
): AsyncGenerator<ExportPart, void, void> {
  for (const key of keys) {
    const { record } = await lookUp(engine, key);
    if (record !== undefined) yield { part: 'identity', identity: identityOf(key, record) };
  }
  // What this process has not written yet belongs to it, too.
  await engine.scribe.flush();
  let first: ReadonlySet<string> | undefined;
  for await (const { sessions: found } of pagesOf(sessions)) {
    // What was on its way to the archive may have come there meanwhile.
    const left = found.filter(({ session }) => !first?.has(session));
    first ??= new Set(found.map(({ session }) => session));
    for (const session of left) {
      yield { part: 'session', session };
      yield* linesOf(engine, session.session);
    }
  }
}

/** The pieces put together. */
export async function exported(at: number, parts: AsyncIterable<ExportPart>): Promise<ContactExport> {
  const identities: ExportedIdentity[] = [];
  const sessions: (ContactSession & { readonly transcript: TranscriptLine[] })[] = [];
  for await (const one of parts) {
    if (one.part === 'identity') identities.push(one.identity);
    else if (one.part === 'session') sessions.push({ ...one.session, transcript: [] });
    else sessions.at(-1)?.transcript.push(...one.lines);
  }
  return { at, identities, sessions };
}

async function* linesOf({ archive }: Engine, session: string): AsyncGenerator<ExportPart, void, void> {
  if (archive === undefined) return;
  for await (const { lines } of pagesOf(({ after }) => archive.transcript({ session, after }))) {
    if (lines.length > 0) yield { part: 'lines', lines };
  }
}

async function* pagesOf<Page extends { readonly next?: string | undefined }>(
  read: (page: { readonly after?: string | undefined }) => Promise<Page>,
): AsyncGenerator<Page, void, void> {
  let after: string | undefined;
  do {
    const page = await read({ after });
    yield page;
    after = page.next;
  } while (after !== undefined);
}

function identityOf(key: string, record: ConversationRecord): ExportedIdentity {
  const { session, variables, auth, address, locale, unreachable } = record;
  const { closing: _steps, ...shown } = session ?? {};
  return {
    key,
    ...(session === undefined ? {} : { session: shown as Omit<SessionState, 'closing'> }),
    variables,
    authProfiles: Object.keys(auth),
    ...(address === undefined ? {} : { address }),
    ...(locale === undefined ? {} : { locale }),
    ...(unreachable === undefined ? {} : { unreachable }),
  };
}
