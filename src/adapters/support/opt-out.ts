/**
 * Words that Twilio and the carriers take for themselves when a text consists of nothing else: Twilio answers them, blocks or unblocks
 * the number, and calls the webhook all the same (Twilio: "Twilio support for opt-out keywords").
 *
 * YES opts in as well, but is far more often the answer to a question of the bot's, so it stays the bot's where nothing says otherwise.
 */
export const carrierWords = Object.freeze({
  STOP: ['stop', 'stopall', 'unsubscribe', 'cancel', 'end', 'quit', 'revoke', 'optout'],
  START: ['start', 'unstop'],
  HELP: ['help', 'info'],
});

export type CarrierWord = keyof typeof carrierWords;

/**
 * What the carrier made of a message, if anything. `OptOutType` says so where Advanced Opt-Out is on, in any language; elsewhere the
 * word itself does, but not on WhatsApp and Messenger, where no carrier listens.
 */
export function carrierWordOf(read: (field: string) => string | undefined): CarrierWord | undefined {
  const words = Object.keys(carrierWords) as CarrierWord[];
  const told = read('OptOutType');
  if (told !== undefined) return words.find((word) => word === told.toUpperCase());
  if (/^(?:whatsapp|messenger):/.test(read('From') ?? '')) return undefined;
  const text = (read('Body') ?? '').trim().toLowerCase();
  return words.find((word) => carrierWords[word].includes(text));
}

/** What that says about writing to the person. */
export function meaningOf(word: CarrierWord): { readonly means?: 'unreachable' | 'reachable' } {
  if (word === 'HELP') return {};
  return { means: word === 'STOP' ? 'unreachable' : 'reachable' };
}
