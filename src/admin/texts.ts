import type { TranscriptLine } from '../middleware/archive.ts';
import type { ExportedIdentity } from '../middleware/export.ts';

/** Lines without what was said in them. */
export function withoutTexts(lines: readonly TranscriptLine[]): TranscriptLine[] {
  return lines.map(({ text: _said, ...line }) => line);
}

/** An identity without what the bot keeps of the contact, which may hold what was said as well. */
export function withoutBotsOwn({ variables: _kept, session, ...identity }: ExportedIdentity): object {
  if (session === undefined) return identity;
  const { data: _data, dialog: _dialog, tags: _tags, sentiment: _sentiment, ...facts } = session;
  return { ...identity, session: facts };
}
