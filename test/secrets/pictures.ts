import type { Webhook } from '../../src/simulator/simulator.ts';
import { secrets, texts } from './marks.ts';

type Body = Webhook['body'];
const url = texts.attachment;

/** How a vendor writes a picture instead of a text, with whatever secret it may send along. */
const pictures: Readonly<Record<string, (body: never) => Body>> = {
  slack: (body: Body & { event: object }) => ({
    ...body,
    event: { ...body.event, text: '', subtype: 'file_share', files: [{ id: 'F1', url_private: url }] },
  }),
  twilio: (body: Body) => ({ ...body, Body: '', NumMedia: '1', MediaUrl0: url, MediaContentType0: 'image/png' }),
  line: (body: Body & { events: { message: { id: string } }[] }) => ({
    ...body,
    events: body.events.map((event) => ({
      ...event,
      message: { id: event.message.id, type: 'image', contentProvider: { type: 'external', originalContentUrl: url } },
    })),
  }),
  messenger: (body: Body & { entry: { messaging: { message: { mid: string } }[] }[] }) => ({
    ...body,
    entry: body.entry.map((entry) => ({
      ...entry,
      messaging: entry.messaging.map((one) => ({
        ...one,
        message: { mid: one.message.mid, attachments: [{ type: 'image', payload: { url } }] },
      })),
    })),
  }),
  whatsapp: (body: Body & { entry: { changes: { value: { messages: object[] } }[] }[] }) => ({
    ...body,
    entry: body.entry.map((entry) => ({
      ...entry,
      changes: entry.changes.map((change) => ({
        ...change,
        value: {
          ...change.value,
          messages: change.value.messages.map((one) => ({ ...one, type: 'image', image: { id: '1', link: url, caption: '' } })),
        },
      })),
    })),
  }),
  azure: (body: Body) => ({
    ...body,
    text: '',
    attachments: [{ contentType: 'image/png', contentUrl: url }],
    channelData: { ApiToken: secrets.channelData },
  }),
};

/** @param webhook that of a text */
export function asPicture(channel: string, webhook: Webhook): Webhook {
  const change = pictures[channel] as ((body: Body) => Body) | undefined;
  if (change === undefined) throw new Error(`Nobody sends pictures on ${channel}.`);
  return { ...webhook, body: change(webhook.body) };
}
