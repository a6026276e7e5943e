/** One variable of a conversation. */
export interface Variable {
  readonly value: unknown;
  /** `session`: goes at a close unless its time to live lasts, and at a refresh. `contact`: stays in this conversation. */
  readonly scope: 'session' | 'contact';
  /** Until when it can be read, epoch ms; absent: as long as its scope lasts. */
  readonly until?: number | undefined;
  /** The auth profile it goes with. */
  readonly profile?: string | undefined;
}

export type Variables = Readonly<Record<string, Variable>>;

/** The variable's value, or undefined: an expired one reads as absent. */
export function readVariable(variables: Variables, name: string, now: number): unknown {
  const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
  return variable !== undefined && isLive(variable, now) ? variable.value : undefined;
}

/** What a close leaves: contact scope, and what still has time to live. A refresh leaves contact scope only. */
export function keptVariables(variables: Variables, now: number, refresh: boolean): Variables {
  return filter(variables, (one) => isLive(one, now) && (one.scope === 'contact' || (!refresh && one.until !== undefined)));
}

/** Without the variables that were set with an auth profile. */
export function withoutProfile(variables: Variables, profile: string): Variables {
  return filter(variables, (one) => one.profile !== profile);
}

/** Without the expired ones, so that a long conversation does not gather them. */
export function liveVariables(variables: Variables, now: number): Variables {
  return Object.values(variables).every((one) => isLive(one, now)) ? variables : filter(variables, (one) => isLive(one, now));
}

function isLive(variable: Variable, now: number): boolean {
  return variable.until === undefined || now < variable.until;
}

function filter(variables: Variables, keep: (one: Variable) => boolean): Variables {
  return Object.fromEntries(Object.entries(variables).filter(([, one]) => keep(one)));
}
