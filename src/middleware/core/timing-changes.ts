import { isSameRules } from './expiry.ts';
import type { ChangedBy, Expiration, Policy, PolicyChange, Timing } from './policy.ts';
import { levelOf, type Overrides, type SettingsChange, type SettingsRecord, stagesOf } from './settings-record.ts';

/** The changes of timing that live sessions may have begun before, newest first: the same chain in every process. */
export function timingChanges(
  record: SettingsRecord,
  endpoint: string,
  resolve: (overrides: Overrides) => Policy,
): PolicyChange | undefined {
  let change: PolicyChange | undefined;
  for (const { entry, before, after } of stagesOf(record)) {
    if (!touchesTiming(entry.change, endpoint)) continue;
    const { at, apply } = entry;
    const [old, next] = [timingOf(resolve(before)), timingOf(resolve(after))];
    if (!isSameTiming(old, next)) change = { at, apply, before: old, earlier: change };
  }
  return change;
}

/** Settings that say how long sessions live. */
const timings = ['expiration', 'maxExpiration', 'maxDuration', 'agents'];

function touchesTiming({ organization = {}, endpoints = {} }: SettingsChange, endpoint: string): boolean {
  const own = Object.hasOwn(endpoints, endpoint) ? endpoints[endpoint] : undefined;
  return timings.some((name) => Object.hasOwn(organization, name) || Object.hasOwn(own ?? {}, name));
}

function timingOf({ expiration, agents, closing }: Policy): Timing {
  return { expiration, agents, maxDurationMs: closing.maxDurationMs };
}

function isSameTiming(one: Timing, other: Timing): boolean {
  const limits = ({ expiration: { levels, capMs, capFrom }, maxDurationMs }: Timing) =>
    JSON.stringify([levels, capMs, capFrom, maxDurationMs]);
  return limits(one) === limits(other) && isSameRules(one.agents, other.agents);
}

/** With who changed each of its inputs while running, and when. */
export function withWho(expiration: Expiration, overrides: Overrides, endpoint: string): Expiration {
  const who = (one: ChangedBy | undefined) => one && { by: one.by, at: one.at };
  const { expiration: common, maxExpiration } = overrides.organization;
  const own = levelOf(overrides, endpoint)['expiration'];
  if ((own ?? common ?? maxExpiration) === undefined) return expiration;
  const cap = expiration.capFrom === 'organization.maxExpiration' ? maxExpiration : common;
  return { ...expiration, changed: { endpoint: who(own), organization: who(common), cap: who(cap) } };
}
