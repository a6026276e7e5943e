import { samples } from './samples.ts';

const endpoints = Object.fromEntries(
  samples.map(({ folder, channel }) => [`${folder}-main`, { channel, ...settingsOf(folder) }]),
);

/** The folder of every endpoint's bot. */
export const demoFolders: Readonly<Record<string, string>> = Object.fromEntries(
  samples.map(({ folder }) => [`${folder}-main`, folder]),
);

/** A short conversation on every endpoint, one after another: four hours each, so that no two overlap. */
export const demoScenario: unknown = {
  name: 'A conversation on every channel',
  start: '2026-11-02T00:00:00Z',
  organization: { maxExpiration: 60 },
  endpoints,
  steps: Object.keys(endpoints).flatMap((endpoint, index) => {
    const ada = { user: 'ada', endpoint };
    return [
      { at: index === 0 ? '+8h' : '+1h', ...ada, says: 'hi' },
      { at: '+20s', ...ada, says: 'open order' },
      { at: '+20s', ...ada, says: 'set color=red' },
      { at: '+20s', ...ada, says: 'discard' },
      { at: '+20s', ...ada, says: 'dialog' },
      { at: '+20s', ...ada, says: 'explain' },
      { at: '+70m', ...ada, says: 'get color' },
      { at: '+20s', ...ada, says: 'discard all' },
      { at: '+20s', ...ada, refreshes: true },
      { at: '+20s', ...ada, says: 'hello again' },
    ];
  }),
};

/** Three ways to come to an expiration: the endpoint's own, one that the organisation caps, and the default. */
function settingsOf(folder: string): object {
  switch (folder) {
    case 'line':
      return { expiration: 15 };
    case 'slack':
      return { expiration: 'never' };
    default:
      return {};
  }
}
