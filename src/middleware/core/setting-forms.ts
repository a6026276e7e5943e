import { toMs } from './duration.ts';
import { textRules } from './message.ts';
import type { EndpointSettings, OrganizationSettings } from './policy.ts';

/** What a setting looks like as plain data. Whether its value can work with the others, the policy says. */
export interface Form {
  readonly fits: (value: unknown) => boolean;
  /** Ends the sentence "It must be …". */
  readonly as: string;
}

const duration: Form = {
  fits: (value) => toMs(value) !== undefined,
  as: "a duration (minutes ≥ 0, '90s', '15m', '2h', '14d' or 'never')",
};
const flag: Form = { fits: (value) => typeof value === 'boolean', as: 'true or false' };
const count: Form = { fits: (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0, as: 'a number ≥ 0' };
const oneOf = (...values: readonly string[]): Form => ({
  fits: (value) => values.some((one) => one === value),
  as: values.map((one) => `'${one}'`).join(' or '),
});
const warning = (value: unknown) => hasOnly(value, ['before', 'message'], 2) && toMs(value['before']) !== undefined;

const common = {
  expiration: duration,
  scope: oneOf('user', 'thread', 'conversation'),
  commands: { fits: isCommands, as: 'false, or words and acknowledgements by command' },
  discardEndsSession: flag,
  lateAfter: duration,
  onError: oneOf('drop', 'keep'),
  onStoreError: oneOf('degrade', 'throw'),
  turnTimeout: duration,
  inbox: oneOf('durable', 'off'),
  closing: oneOf('lazy', 'proactive'),
  closingMessage: {
    fits: (value) => value === false || textRules(value) !== undefined,
    as: 'false, or a text, several, or texts by locale, none of them empty',
  },
  closingMessageTo: oneOf('interactive', 'all'),
  sendRate: count,
  warnings: { fits: (value) => Array.isArray(value) && value.every(warning), as: 'a list of { before, message }' },
  continueWithin: duration,
  maxDuration: duration,
  maxTurns: count,
  clearAuthProfiles: flag,
  carryOver: { fits: (value) => value === 'none' || value === 'all' || isTexts(value), as: "'none', 'all' or a list of names" },
  expirationRange: {
    fits: (value) => hasOnly(value, ['min', 'max'], 2) && Object.values(value).every((one) => toMs(one) !== undefined),
    as: '{ min, max }, both durations',
  },
  agents: {
    fits: isAgents,
    as: '{ closeAfter, closingMessage, cancelOnReply, reassignAfter, replyWithin, warnBefore, calendar }',
  },
  transcripts: flag,
  retention: {
    fits: (value) => hasOnly(value, ['sessions', 'transcripts']) && Object.values(value).every((one) => toMs(one) !== undefined),
    as: '{ sessions, transcripts }, durations',
  },
} as const satisfies Record<keyof Omit<EndpointSettings, 'developer'>, Form>;

/** Every session setting of an endpoint, with its form. */
export const endpointForms = {
  ...common,
  developer: { fits: (value) => typeof value === 'boolean' || isTexts(value), as: 'true, false or a list of contacts' },
} as const satisfies Record<keyof EndpointSettings, Form>;

/** The organisation's. */
const organizationForms = {
  ...common,
  maxExpiration: duration,
  channels: {
    fits: (value) => [['include'], ['exclude']].some((name) => hasOnly(value, name, 1) && Object.values(value).every(isTexts)),
    as: '{ include } or { exclude }, a list of channels',
  },
} as const satisfies Record<keyof OrganizationSettings, Form>;

/**
 * What is wrong with the form of a change: where, and what it must be. Undefined: nothing. Whether its values can work together is
 * the policy's to say.
 */
export function problemOf(change: unknown, knows: (endpoint: string) => boolean): { where: string; message: string } | undefined {
  if (!isPlain(change) || !isObject(change))
    return { where: 'settings', message: 'A change is plain data; functions stand in code.' };
  const stranger = Object.keys(change).find((name) => name !== 'endpoints' && name !== 'organization');
  if (stranger !== undefined) return { where: stranger, message: 'A change has endpoints and organization.' };
  const { endpoints = {}, organization = {} } = change;
  if (!isObject(endpoints)) return { where: 'endpoints', message: 'It must be settings by endpoint.' };
  for (const [name, settings = {}] of Object.entries(endpoints)) {
    const where = `endpoint ${name}`;
    if (!knows(name)) return { where, message: 'There is no such endpoint.' };
    const problem = levelProblem(settings, endpointForms, where);
    if (problem) return problem;
  }
  return levelProblem(organization, organizationForms, 'organization');
}

function levelProblem(settings: unknown, forms: Readonly<Record<string, Form>>, where: string) {
  if (!isObject(settings)) return { where, message: 'It must be settings by name.' };
  for (const [name, value] of Object.entries(settings)) {
    const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
    const place = `${where}, ${name}`;
    if (form === undefined) return { where: place, message: 'There is no such setting.' };
    if (value !== null && value !== undefined && !form.fits(value)) return { where: place, message: `It must be ${form.as}.` };
  }
  return undefined;
}

/** Whether a calendar makes sense, the policy says. */
function isAgents(value: unknown): boolean {
  const durations = ['closeAfter', 'reassignAfter', 'replyWithin', 'warnBefore'];
  if (!hasOnly(value, [...durations, 'closingMessage', 'cancelOnReply', 'calendar'])) return false;
  const { closingMessage = false, cancelOnReply = true, calendar = {} } = value;
  const isText = closingMessage === false || textRules(closingMessage) !== undefined;
  const areDurations = durations.every((name) => value[name] === undefined || toMs(value[name]) !== undefined);
  return isText && typeof cancelOnReply === 'boolean' && isObject(calendar) && areDurations;
}

function isCommands(value: unknown): boolean {
  if (value === false) return true;
  if (!hasOnly(value, ['discard', 'discardAll', 'refresh', 'acknowledge'])) return false;
  const { acknowledge = false, ...words } = value;
  const told = acknowledge === false || hasOnly(acknowledge, ['discard', 'discardAll', 'refresh']) ? acknowledge : undefined;
  if (told === undefined) return false;
  return (
    Object.values(words).every((one) => one === false || isByLocale(one, (list) => typeof list === 'string' || isTexts(list))) &&
    Object.values(told).every((one) => one === false || isByLocale(one, (text) => typeof text === 'string'))
  );
}

function isByLocale(value: unknown, fits: (one: unknown) => boolean): boolean {
  return fits(value) || (isObject(value) && Object.values(value).every(fits));
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** Whether a value is an object without other members than these, and with at least so many of them. */
function hasOnly(value: unknown, names: readonly string[], least = 0): value is Readonly<Record<string, unknown>> {
  if (!isObject(value)) return false;
  const own = Object.keys(value);
  return own.length >= least && own.every((name) => names.includes(name));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether JSON holds all of it. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null)
    return typeof value !== 'function' && typeof value !== 'symbol' && typeof value !== 'bigint';
  const kind = Object.getPrototypeOf(value);
  // An object literal may come from another realm; what has a class is no plain data.
  if (!Array.isArray(value) && kind !== null && Object.getPrototypeOf(kind) !== null) return false;
  return Object.values(value).every(isPlain);
}
