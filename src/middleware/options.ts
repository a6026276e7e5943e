import type { AdapterOptions } from './adapter.ts';
import type { EndpointSettings, OrganizationSettings } from './core/policy.ts';
import { endpointForms } from './core/setting-forms.ts';
import type { EndpointFunctions, EndpointOptions, OrganizationOptions } from './hooks.ts';

/** The settings as they are given: plain ones and functions side by side. */
export type Options = EndpointOptions<never>;
export type CommonOptions = OrganizationOptions<never>;

/** Every session setting of an endpoint: they may stand in `createSessions`, or inline, beside an adapter's own options. */
export const settingNames = Object.keys(endpointForms) as readonly (keyof EndpointSettings)[];

/** Hooks, and settings that may be functions. */
const functionNames: readonly string[] = [
  'onSessionStart',
  'onClosing',
  'onClose',
  'classifyReturn',
  'closingMessage',
  'carryOver',
  'developer',
] satisfies readonly (keyof EndpointFunctions)[];

/** Whether an option has a value, be it a function or plain. */
export function isSet(options: object, name: string): boolean {
  return Object.entries(options).some(([one, value]) => one === name && value !== undefined);
}

/** The settings among an adapter's options; undefined where it has none. */
export function inlineSettings(options: AdapterOptions): EndpointSettings | undefined {
  const given = settingNames.filter((name) => options[name] !== undefined);
  return given.length === 0 ? undefined : (Object.fromEntries(given.map((name) => [name, options[name]])) as EndpointSettings);
}

/** The settings without functions: plain data for the core. */
export function plain(options: Options | CommonOptions): EndpointSettings & OrganizationSettings {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => typeof value !== 'function'));
}

/** The functions among an endpoint's options: hooks, and settings given as functions. */
export function pickFunctions(options: object): EndpointFunctions {
  const named = Object.entries(options).filter(([name, value]) => functionNames.includes(name) && typeof value === 'function');
  return Object.fromEntries(named);
}
