import type { AddressInfo } from 'node:net';
import { App, LogLevel } from '@slack/bolt';
import { slackSessions } from 'adjourn/slack';
import type { StartSample } from '../host.ts';
import { answer } from '../words.ts';

/** A bot on `@slack/bolt` that answers direct messages, mentions, buttons and slash commands. */
export const start: StartSample = async ({ sessions, endpoint, identity, vendorUrl, port = 0 }) => {
  const { clock } = sessions;
  const app = new App({
    token: identity.token,
    // Without these two Bolt asks for them at once, and fails for good where Slack does not answer.
    botId: identity.extra['bot'] ?? '',
    botUserId: identity.extra['botUser'] ?? '',
    signingSecret: identity.secret,
    logLevel: LogLevel.ERROR,
    // One try: a refused message is told at once instead of half an hour later.
    clientOptions: { slackApiUrl: `${vendorUrl}/slack/api/`, retryConfig: { retries: 0 }, rejectRateLimitedCalls: true },
  });
  app.use(slackSessions(sessions, { endpoint, client: app.client, accounts: [identity.account] }));

  const listener = async ({ context }: { context: object }) => {
    const turn = sessions.turn(context);
    if (turn === undefined) return;
    const { activity } = turn;
    const text = activity.kind === 'postback' ? activity.payload : activity.kind === 'message' ? activity.text : undefined;
    const said = await answer(turn, text, clock);
    if (said !== undefined) await turn.reply(said);
  };
  // An app that subscribes to both hears a mention twice: both listeners run, in one turn's session.
  app.message(listener);
  app.event('app_mention', listener);
  app.action(/.*/, async ({ ack, context }) => {
    await ack();
    await listener({ context });
  });
  app.command(/.*/, async ({ ack, context }) => {
    await ack();
    await listener({ context });
  });

  const server = await app.start({ port, host: '127.0.0.1' });
  const close = async () => {
    (server as { closeAllConnections(): void }).closeAllConnections();
    await app.stop();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`, close };
};
