import type { Figure } from './figures.ts';

/**
 * What a file of `bench/cases` exports as `run`. It runs in a process of its own, and throws where the turns it timed have not all
 * happened, or left no trace.
 * @param quick few and short rounds, to see that it runs; its figures are worth nothing
 */
export type Case = (quick: boolean) => Promise<readonly Figure[]>;

/** What its process tells in the end. */
export type Told = { readonly figures: readonly Figure[] } | { readonly missing: string };

/** Something the case needs is not on this machine: it is left out, which is told. */
export class Missing extends Error {}
