import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { twilioSessions } from 'adjourn/twilio';
import express from 'express';
import twilio from 'twilio';
import type { StartSample } from '../host.ts';
import { answer } from '../words.ts';

/** Twilio hangs up after 15 seconds; what is not said by then goes out by REST. */
const answerWithinMs = 14_000;
const late = Symbol('late');

/** A bot for SMS and WhatsApp on `twilio` and Express that answers with TwiML. */
export const start: StartSample = async ({ sessions, endpoint, identity, vendorUrl, port = 0 }) => {
  const { clock } = sessions;
  const client = twilio(identity.extra['accountSid'], identity.token);
  client.api.baseUrl = vendorUrl;
  const sms = twilioSessions(sessions, { endpoint, client, accounts: [identity.account] });

  const web = express();
  web.use(express.urlencoded({ extended: false }));
  web.post(
    '/sms',
    twilio.webhook(identity.secret),
    sms.wrap(async (req, res) => {
      const response = new twilio.twiml.MessagingResponse();
      const send = () => res.type('text/xml').send(response.toString());
      const turn = sessions.turn(req);
      if (turn === undefined) return void send();

      const { activity, session } = turn;
      const text = activity.kind === 'postback' ? activity.payload : activity.kind === 'message' ? activity.text : undefined;
      const answering = answer(turn, text, clock);
      const inTime = new AbortController();
      const limit = clock.sleep(session.lastActivityAt + answerWithinMs - clock.now(), inTime.signal).then(() => late);
      const said = await Promise.race([answering, limit]).finally(() => inTime.abort());
      if (typeof said === 'string') response.message(said);
      send();
      const later = said === late ? await answering : undefined;
      if (later !== undefined) await turn.reply(later);
    }),
  );

  const server = web.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sms`, close };
};
