import type { TranscriptLine } from '../middleware/archive.ts';
import type { ContactExport } from '../middleware/contacts.ts';

/** Lines without what was said in them. */
export function withoutTexts(lines: readonly TranscriptLine[]): TranscriptLine[] {
  return lines.map(({ text: _said, ...line }) => line);
}

/** An export without what was said. What the bot keeps of the contact stays: it is the bot's own data. */
export function withoutTextsOfAll(all: ContactExport): ContactExport {
  return { ...all, sessions: all.sessions.map((one) => ({ ...one, transcript: withoutTexts(one.transcript) })) };
}
