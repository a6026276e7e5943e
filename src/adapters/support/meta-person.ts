import { textOf } from './meta-values.ts';

/**
 * A business-scoped user id: country code, a dot, up to 128 letters and digits. Meta's rule, live since April 2026.
 * Some payloads carry it where the phone number used to be.
 */
const businessScoped = /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/;

/** A person on WhatsApp: the business-scoped id where Meta gives one, else the phone number; the other one beside it. */
export interface WhatsAppPerson {
  readonly user?: string | undefined;
  readonly alias?: string | undefined;
}

/**
 * The person behind the ids Meta gave, the more telling first.
 * @param ids `from_user_id`, `user_id`, `from`, `wa_id` … in any mixture. Parent ids have another scope and do not belong here.
 */
export function personOf(...ids: readonly unknown[]): WhatsAppPerson {
  const texts = ids.map(textOf).filter((id) => id !== undefined);
  const scoped = texts.find((id) => businessScoped.test(id));
  const phone = texts.find((id) => !businessScoped.test(id));
  const user = scoped ?? phone;
  if (user === undefined) return {};
  return scoped !== undefined && phone !== undefined ? { user, alias: phone } : { user };
}

/** How a send names its receiver: `to` takes phone numbers (and groups), `recipient` business-scoped ids; Meta prefers `to` where both are given. */
export function receiverOf({ user, alias }: WhatsAppPerson): { readonly to: string } | { readonly recipient: string } {
  const phone = [alias, user].find((id) => id !== undefined && !businessScoped.test(id));
  return phone === undefined ? { recipient: user ?? '' } : { to: phone };
}
