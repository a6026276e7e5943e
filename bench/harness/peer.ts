/** A library that keeps sessions, in its own host, and the same host without them. */
export interface Peer {
  readonly name: string;
  /** One message of a user, handled by the host alone. */
  bare(user: number): Promise<unknown>;
  /** The same message, counted in the user's session. */
  turn(user: number): Promise<unknown>;
  /** Handlers of `bare` and of `turn` that ran. */
  handled(): number;
  /** The sum of what the sessions of users `0` to `users` have counted. */
  stored(users: number): Promise<number>;
  close?(): Promise<unknown>;
}
