import type { ApiAnswer, ApiCall, Identity, VendorWorld } from '../vendor.ts';
import { at, type GraphCall, graphCall, identityOf, refusal, unknownToken } from './meta.ts';

/** Ids of pages and of people here. */
const pageId = /^4\d{14}$/;
const personId = /^7\d{15}$/;

const longestText = 2_000;

/** Answers a call of the Send API or for a profile; undefined for other routes. */
export function messengerApi(call: ApiCall, world: VendorWorld): ApiAnswer | undefined {
  const asked = graphCall(call);
  if (asked === undefined) return undefined;
  const profile = asked.method === 'GET' && asked.edge === undefined && personId.test(asked.node);
  if (!profile && !isPost(asked)) return undefined;
  const identity = identityOf(asked, world);
  if (identity === undefined || (isPost(asked) && asked.node !== 'me' && asked.node !== identity.account))
    return refusal(unknownToken);
  return profile ? { status: 200, body: profileOf(asked.node) } : send(asked, world, identity);
}

/** Whether a call sends a message to a person; typing indicators are none. */
export function isMessengerSend(call: ApiCall): boolean {
  const asked = graphCall(call);
  return asked !== undefined && isPost(asked) && asked.body['message'] !== undefined;
}

function isPost({ method, edge, node }: GraphCall): boolean {
  return method === 'POST' && edge === 'messages' && (node === 'me' || pageId.test(node));
}

function send({ body }: GraphCall, world: VendorWorld, identity: Identity): ApiAnswer {
  const to = at(body, 'recipient', 'id');
  if (typeof to !== 'string' || !personId.test(to)) {
    return refusal({ status: 400, code: 100, subcode: 2018001, message: 'No matching user found' });
  }
  if (body['sender_action'] !== undefined) return { status: 200, body: { recipient_id: to } };
  const text = at(body, 'message', 'text');
  const shown = text ?? at(body, 'message', 'attachment', 'payload', 'text') ?? at(body, 'message', 'attachment', 'type');
  if (typeof shown !== 'string' || shown === '') return refusal({ status: 400, code: 100, message: 'Message cannot be empty' });
  if (typeof text === 'string' && text.length > longestText) {
    return refusal({
      status: 400,
      code: 100,
      message: `Length of param message[text] must be less than or equal to ${longestText}`,
    });
  }
  const id = `m_sent${world.next()}`;
  world.receive({ to, text: text === undefined ? `[${shown}]` : shown, id, identity });
  return { status: 200, body: { recipient_id: to, message_id: id } };
}

function profileOf(person: string): Readonly<Record<string, string>> {
  return { id: person, first_name: 'Person', last_name: person.slice(-4), name: `Person ${person.slice(-4)}` };
}
