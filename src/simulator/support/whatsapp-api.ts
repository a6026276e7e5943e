import type { ApiAnswer, ApiCall, Identity, VendorWorld } from '../vendor.ts';
import { at, digest, type GraphCall, graphCall, identityOf, refusal, unknownToken } from './meta.ts';

/** Ids of phone numbers of businesses here. */
export const businessNumberId = /^3\d{14}$/;

/** People have a business-scoped id and a phone number; each tells the other. */
const person = /^DE\.1(49\d{11})$/;
const phone = /^49\d{11}$/;

const longestText = 4_096;

/** The phone number behind a person's business-scoped id. */
export function phoneOf(id: string): string | undefined {
  return person.exec(id)?.[1];
}

/** Answers a call of the Cloud API; undefined for other routes. */
export function whatsappApi(call: ApiCall, world: VendorWorld): ApiAnswer | undefined {
  const asked = graphCall(call);
  if (asked === undefined || !isPost(asked)) return undefined;
  const identity = identityOf(asked, world);
  if (identity === undefined || asked.node !== identity.account) return refusal(unknownToken);
  if (asked.body['messaging_product'] !== 'whatsapp')
    return invalid("The parameter messaging_product is required and must be 'whatsapp'.");
  return asked.body['status'] === 'read' ? { status: 200, body: { success: true } } : send(asked, world, identity);
}

/** Whether a call sends a message to a person; read receipts are none. */
export function isWhatsappSend(call: ApiCall): boolean {
  const asked = graphCall(call);
  return asked !== undefined && isPost(asked) && asked.body['status'] === undefined;
}

function isPost({ method, edge, node }: GraphCall): boolean {
  return method === 'POST' && edge === 'messages' && businessNumberId.test(node);
}

/** `to` wins over `recipient`. */
function send({ body }: GraphCall, world: VendorWorld, identity: Identity): ApiAnswer {
  const input = body['to'] ?? body['recipient'];
  const to = typeof input !== 'string' ? undefined : phone.test(input) ? `DE.1${input}` : person.test(input) ? input : undefined;
  if (to === undefined) return refusal({ status: 400, code: 131026, message: 'Message undeliverable' });
  const text = shown(body);
  if (text === undefined) return invalid('The message has no content.');
  if (text.length > longestText) return invalid(`A text is at most ${longestText} characters long.`);
  const id = `wamid.${Buffer.from(digest(`sent ${world.next()}`), 'hex').toString('base64')}`;
  world.receive({ to, text, id, identity });
  const contact = input === to ? { input, user_id: to } : { input, wa_id: input };
  return { status: 200, body: { messaging_product: 'whatsapp', contacts: [contact], messages: [{ id }] } };
}

/** What a person sees of a message: its text, or what it is. */
function shown(body: Readonly<Record<string, unknown>>): string | undefined {
  const { type = 'text' } = body;
  const text = type === 'text' ? at(body, 'text', 'body') : (at(body, 'interactive', 'body', 'text') ?? `[${String(type)}]`);
  return typeof text === 'string' && text !== '' ? text : undefined;
}

function invalid(message: string): ApiAnswer {
  return refusal({ status: 400, code: 100, message });
}
