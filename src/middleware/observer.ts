/** A piece of work that takes time. */
export type Piece = 'turn' | 'close' | 'sweep';

/** What is known of a piece of work: names and codes, never a text of the user's. */
export interface Facts {
  readonly channel?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly session?: string | undefined;
  /** The session before. */
  readonly previous?: string | undefined;
  /** What became of a turn. */
  readonly verdict?: 'run' | 'consume' | 'drop' | 'pass' | undefined;
  readonly degraded?: boolean | undefined;
  /** How many conversations a sweep claimed. */
  readonly count?: number | undefined;
}

/** Stands around what the engine does, for tracing: a handler runs in the async context it sets up. */
export interface Observer {
  around<T>(piece: Piece, facts: Facts, work: (note: (more: Facts) => void) => Promise<T>): Promise<T>;
}

/** Nobody watches. */
export const nobody: Observer = { around: (_piece, _facts, work) => work(() => {}) };
