import type { Outbound } from '../vendor.ts';

/**
 * The messages a TwiML document sends, in order: of each `<Message>` its `<Body>`, or its own text.
 * Nothing for a document without `<Response>`, which Twilio refuses (error 12100).
 */
export function messagesOf(document: string): Outbound[] {
  const response = /<Response(?:\s[^>]*)?>([\s\S]*)<\/Response\s*>/.exec(document.replace(/<!--[\s\S]*?-->/g, ''));
  const found = response?.[1]?.matchAll(/<Message(\s[^>]*?)?>([\s\S]*?)<\/Message\s*>/g) ?? [];
  return [...found].flatMap(([, attributes = '', content = '']) => {
    const bodies = [...content.matchAll(/<Body(?:\s[^>]*)?>([\s\S]*?)<\/Body\s*>/g)].map(([, body = '']) => body);
    const text = textOf(bodies.length > 0 ? bodies.join('') : content);
    const to = /\sto\s*=\s*"([^"]*)"/.exec(attributes)?.[1];
    return text === '' ? [] : [{ text, ...(to === undefined ? {} : { to: textOf(to) }) }];
  });
}

/** Text without elements: CDATA sections as they are, references resolved. */
function textOf(markup: string): string {
  return markup
    .split(/(<!\[CDATA\[[\s\S]*?\]\]>)/)
    .map((part) => (part.startsWith('<![CDATA[') ? part.slice(9, -3) : resolved(part.replace(/<[^>]*>/g, ''))))
    .join('');
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function resolved(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(lt|gt|amp|quot|apos));/gi, (reference, hex, decimal, name) => {
    if (name !== undefined) return entities[String(name).toLowerCase()] ?? reference;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : reference;
  });
}
