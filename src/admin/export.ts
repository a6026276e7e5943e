import type { ExportPart } from '../middleware/export.ts';
import { withoutBotsOwn, withoutTexts } from './texts.ts';

/**
 * An export as JSON text, piece by piece, in the form of `contact(key).export()`.
 * @param at session time, epoch ms
 * @param redact leaves out what was said, and what the bot keeps of the contact
 */
export async function* exportText(at: number, parts: AsyncIterable<ExportPart>, redact: boolean): AsyncGenerator<string> {
  // Nothing is given out before there is a part, so that what fails at once can still be told.
  let text = `{"at":${at},"identities":[`;
  let isFirst = true;
  let inSessions = false;
  const add = (items: readonly unknown[]) => {
    for (const one of items) {
      text += `${isFirst ? '' : ','}${JSON.stringify(one)}`;
      isFirst = false;
    }
  };
  for await (const one of parts) {
    if (one.part === 'identity') add([redact ? withoutBotsOwn(one.identity) : one.identity]);
    else if (one.part === 'lines') add(redact ? withoutTexts(one.lines) : one.lines);
    else {
      const session = JSON.stringify(one.session);
      text += `${inSessions ? ']},' : '],"sessions":['}${session.slice(0, -1)},"transcript":[`;
      inSessions = true;
      isFirst = true;
    }
    yield text;
    text = '';
  }
  yield `${text}${inSessions ? ']}]}' : '],"sessions":[]}'}`;
}
