import { it } from 'vitest';
import { peopleOf } from './adapters/people.ts';
import { channels, conforms, fixturesOf, loadAdapter } from './kit/adapter.ts';

for (const channel of channels) {
  try {
    conforms(channel, { adapter: await loadAdapter(channel), fixtures: fixturesOf(channel), people: peopleOf(channel) });
  } catch (error) {
    // One channel that cannot be loaded must not hide the results of the others.
    it(`${channel}: loads`, () => Promise.reject(error));
  }
}
