/**
 * Hosts that Microsoft's channels are answered at, in its public cloud and in those of governments; their subdomains as well
 * (Microsoft: "Bot Connector authentication", "Send proactive messages", the Agents SDK's outbound host validator).
 */
const microsoftHosts: readonly string[] = Object.freeze([
  'botframework.com',
  'botframework.azure.us',
  'botframework.azure.cn',
  'smba.trafficmanager.net',
  'teams.microsoft.com',
  'teams.microsoft.us',
]);

/**
 * Whether the bot's token may go to a service URL that was stored. Whoever can write to the store, or hands an address to
 * `sessions.open`, could otherwise have it sent anywhere. Microsoft's hosts must be asked by https; others are up to whoever names them.
 * @param others hosts that are as good, with their subdomains
 */
export function isTrusted(serviceUrl: string, others: readonly string[]): boolean {
  if (!URL.canParse(serviceUrl)) return false;
  const { protocol, hostname } = new URL(serviceUrl);
  const isIn = (hosts: readonly string[]) => hosts.some((host) => hostname === host || hostname.endsWith(`.${host}`));
  if (protocol === 'https:' && isIn(microsoftHosts)) return true;
  return (protocol === 'https:' || protocol === 'http:') && isIn(others.map((host) => host.toLowerCase()));
}

/** How long after a person's last act the networks behind these channel ids take messages, ms; the others set no limit. */
const replyWindows: ReadonlyMap<string, number> = new Map([
  ['facebook', 24 * 3_600_000],
  ['whatsapp', 24 * 3_600_000],
]);

/** What is sent this close to the end of a window may arrive after it. */
const marginMs = 10 * 60_000;

/** Whether a channel still takes a text. @param writtenAt when the person last did something, epoch ms; undefined: not known */
export function isWithinWindow(channelId: string, writtenAt: number | undefined, now: number): boolean {
  const window = replyWindows.get(channelId);
  return window === undefined || writtenAt === undefined || now + marginMs < writtenAt + window;
}
