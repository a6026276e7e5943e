import { samples } from './samples.ts';

/** What a bot is called in the demo. */
export function endpointOf(folder: string): string {
  return `${folder}-main`;
}

/** The folder of every endpoint's bot. */
export const demoFolders: Readonly<Record<string, string>> = Object.fromEntries(
  samples.map(({ folder }) => [endpointOf(folder), folder]),
);

const farewell = 'We have closed this conversation. Write at any time to begin another.';

/**
 * Three ways to come to an expiration: the endpoint's own, one that the organisation caps, and, for the rest, the default.
 * The last bot closes its sessions at their deadline and says so; the others wait for the next message.
 */
const settings: Readonly<Record<string, object>> = {
  line: { expiration: 15 },
  slack: { expiration: 'never' },
  agents: { closing: 'proactive', closingMessage: farewell },
};

/** A short conversation on every endpoint, one after another. */
export const demoScenario: unknown = {
  name: 'A conversation on every channel',
  start: '2026-11-02T08:00:00Z',
  organization: { maxExpiration: 60 },
  endpoints: Object.fromEntries(samples.map(({ folder, channel }) => [endpointOf(folder), { channel, ...settings[folder] }])),
  steps: samples.flatMap(({ folder }) => conversation(folder)),
};

function conversation(folder: string): object[] {
  const ada = { user: 'ada', endpoint: endpointOf(folder) };
  return [
    { at: '+1m', ...ada, says: 'hi' },
    { at: '+20s', ...ada, says: 'open order' },
    { at: '+20s', ...ada, says: 'open size' },
    { at: '+20s', ...ada, says: 'discard' },
    { at: '+20s', ...ada, says: 'dialog' },
    { at: '+20s', ...ada, says: 'explain' },
    { at: '+61m', ...ada, says: 'dialog' },
    { at: '+20s', ...ada, says: 'discard all' },
    { at: '+20s', ...ada, refreshes: true },
    { at: '+20s', ...ada, says: 'hello again' },
    {
      at: '+20s',
      expect: [
        { event: 'received', user: 'ada', text: 'order' },
        { event: 'closed', user: 'ada', reason: 'inactivity', times: 1 },
        { event: 'closed', user: 'ada', reason: 'refresh', times: 1 },
        { event: 'received', user: 'ada', text: '#1 hello again' },
        ...(folder === 'agents' ? [{ event: 'received', user: 'ada', text: farewell, times: 1 }] : []),
      ],
    },
  ];
}
