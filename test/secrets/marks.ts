import { secretMark } from '../../src/simulator/support/secret.ts';

/** What is said in the test, by whom and how. */
export const texts = {
  inbound: 'quokka-asks',
  payload: 'quokka-taps',
  attachment: 'https://files.invalid/quokka-picture',
  outbound: 'quokka-told-by-the-bot',
  agentReply: 'quokka-told-by-kim',
  acknowledgement: 'quokka-discarded',
  unknown: 'quokka-unknown-shape',
} as const;

/** What the bot keeps of people. */
export const kept = { data: 'quokka-data', variable: 'quokka-variable' } as const;

/** What is said of the settings' own accord: it may be seen where settings are. */
export const configured = {
  closing: 'quokka-closes',
  warning: 'quokka-warns',
  agentClosing: 'quokka-agents-close',
  closingLater: 'quokka-closes-later',
} as const;

/** Beside the simulator's, which all have its mark. */
export const secrets = {
  ofTheSimulator: secretMark,
  bearer: 'Bearer ',
  encryptionKey: 'numbat-key-of-32-bytes-or-a-few-more',
  otherKey: 'numbat-another-key-of-32-bytes-or-more',
  authToken: 'numbat-access-token',
  refreshToken: 'numbat-refresh-token',
  channelData: 'numbat-token-in-channel-data',
} as const;

/** What the bot's own code throws: the host and the bot's listeners get it as it is. */
export const thrown = 'quokka-thrown-by-the-bot';
