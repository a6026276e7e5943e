/** A message that a TwiML document sends. */
export interface TwimlMessage {
  /** Absent where it holds media alone. */
  readonly text: string | undefined;
  /** The number of its attribute `to`; without one it goes to whoever wrote. */
  readonly to: string | undefined;
}

/** A comment, a section of plain text, a declaration, a tag, or what stands between them. Each begins with another character. */
const tokens =
  /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<(\/?)([A-Za-z][\w.-]*)((?:[^<>"']|"[^"]*"|'[^']*')*?)(\/?)>|[^<]+|</g;

/** Verbs that send a message; the second is the first one's old name. */
const verbs: readonly string[] = ['Message', 'Sms'];

/** No document that Twilio takes is longer: 64 KB. */
export const longestTwiml = 65_536;

/**
 * The messages of a TwiML document, in order: their own text, or that of their `<Body>`. Nothing for what is no whole document.
 * Source: TwiML for Programmable Messaging, "Message" and "Body".
 */
export function messagesIn(document: string): TwimlMessage[] {
  const messages: TwimlMessage[] = [];
  const path: string[] = [];
  let message = { own: '', body: '', hasBody: false, isMedia: false, to: undefined as string | undefined };
  const isInMessage = () => path[0] === 'Response' && verbs.includes(path[1] ?? '');
  const write = (text: string) => {
    if (!isInMessage()) return;
    if (path.length === 2) message.own += text;
    else if (path.length === 3 && path[2] === 'Body') message.body += text;
  };
  const close = () => {
    if (isInMessage() && path.length === 2) {
      const text = (message.hasBody ? message.body : message.own).trim();
      if (text !== '' || message.isMedia) messages.push({ text: text === '' ? undefined : text, to: message.to });
    }
    path.pop();
  };
  for (const [token, section, slash, name, attributes = '', empty] of document.matchAll(tokens)) {
    if (section !== undefined) write(section);
    else if (name !== undefined && slash === '/') close();
    else if (name !== undefined) {
      path.push(name);
      if (isInMessage() && path.length === 2) {
        message = { own: '', body: '', hasBody: false, isMedia: false, to: attributeOf(attributes, 'to') };
      } else if (isInMessage()) {
        message = { ...message, hasBody: message.hasBody || name === 'Body', isMedia: message.isMedia || name === 'Media' };
      }
      if (empty === '/') close();
    } else if (!token.startsWith('<')) write(resolved(token));
  }
  return path.length === 0 ? messages : [];
}

function attributeOf(attributes: string, name: string): string | undefined {
  for (const [, found, double, single] of attributes.matchAll(/([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
    if (found === name) return resolved(double ?? single ?? '') || undefined;
  }
  return undefined;
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function resolved(text: string): string {
  return text.replace(/&(?:#x([\da-fA-F]{1,6})|#(\d{1,7})|([a-z]{2,4}));/g, (reference, hex, decimal, name) => {
    if (name !== undefined) return entities[name] ?? reference;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : reference;
  });
}
