import { AdjournError } from './errors.ts';

/** Who does something from outside a conversation, and may be held to account for it. */
export interface Actor {
  /** A name or an id of the application's own: one line of up to 200 characters. @default nobody is named */
  readonly by?: string | undefined;
}

const longestName = 200;

export function isActor(by: unknown): by is string {
  return typeof by === 'string' && by.trim() !== '' && by.length <= longestName && !/\p{Cc}/u.test(by);
}

/** @throws AdjournError `ADJ_CONFIG_INVALID` */
export function checkActor(by: unknown, where: string): asserts by is string {
  if (isActor(by)) return;
  throw new AdjournError('ADJ_CONFIG_INVALID', `It must be one line of up to ${longestName} characters.`, {
    where: `${where}, by`,
    hint: 'Say who does it.',
  });
}

/** The name of somebody who may stay unnamed, as part of what is kept. @throws AdjournError `ADJ_CONFIG_INVALID` */
export function actorOf({ by }: Actor, where: string): { readonly by?: string } {
  if (by === undefined) return {};
  checkActor(by, where);
  return { by };
}
