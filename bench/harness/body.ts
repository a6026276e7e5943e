/** What bots keep in a session: 500 bytes of JSON, of which a handler changes a count. */
export interface Body {
  count: number;
  readonly profile: { readonly name: string; readonly locale: string; readonly timezone: string };
  readonly cart: readonly { readonly sku: string; readonly title: string; readonly quantity: number; readonly cents: number }[];
  readonly step: string;
}

export const newBody = (): Body => ({
  count: 0,
  profile: { name: 'Ada Lovelace', locale: 'en-GB', timezone: 'Europe/London' },
  cart: [
    { sku: 'TEA-0001', title: 'Earl Grey, loose leaf, a quarter of a pound', quantity: 2, cents: 895 },
    { sku: 'TEA-0017', title: 'Darjeeling, first flush, a quarter of a pound', quantity: 1, cents: 1495 },
    { sku: 'MUG-0003', title: 'Mug with the Analytical Engine on it, blue', quantity: 1, cents: 1250 },
    { sku: 'BIS-0002', title: 'Ginger biscuits in a tin', quantity: 3, cents: 450 },
  ],
  step: 'ask-address',
});
