/** Compiled, never run: what the compiler must accept and, under `@ts-expect-error`, refuse. */
import { type AdjournEvent, createSessions, type Session, type Sessions, type SessionsOptions, type Turn } from 'adjourn';
import { type SlackOptions, slackSessions } from 'adjourn/slack';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Equal<A, B>): void {}
declare const host: object;
declare const perhaps: number | undefined;

// `initial` types `session.data`, everywhere a session can be reached.
const typed = createSessions({
  initial: () => ({ cart: [] as string[] }),
  endpoints: { support: { expiration: 240 }, sales: {} },
});
same<typeof typed, Sessions<{ cart: string[] }, 'support' | 'sales'>>(true);
same<ReturnType<typeof typed.of>, Session<{ cart: string[] }>>(true);
same<ReturnType<typeof typed.turn>, Turn<{ cart: string[] }> | undefined>(true);
typed.of(host).data.cart.push('tea');
typed.current()?.session.data.cart.push('tea');
typed.run('slack/support/D1', async (turn) => turn.session.data.cart.length) satisfies Promise<number>;
// @ts-expect-error the cart holds strings
typed.of(host).data.cart.push(1);
// @ts-expect-error there is no such member
typed.of(host).data.card;

// Without `initial` the data is an open record; without `endpoints` any endpoint may be named.
const untyped = createSessions();
same<typeof untyped, Sessions<Record<string, unknown>, string>>(true);
untyped.of(host).data['anything'] = 1;
slackSessions(untyped, { endpoint: 'whatever' });

// The keys of `endpoints` type every `endpoint` option; a typo does not compile.
slackSessions(typed, { endpoint: 'support' });
slackSessions(typed, { endpoint: (activity) => (activity.user === 'U1' ? 'support' : undefined) });
// @ts-expect-error a typo
slackSessions(typed, { endpoint: 'suport' });
// @ts-expect-error a typo in what a function answers
slackSessions(typed, { endpoint: () => 'suport' });
typed.open({ channel: 'slack', endpoint: 'sales', user: 'U1' });
// @ts-expect-error a typo
typed.open({ channel: 'slack', endpoint: 'sails', user: 'U1' });

// Settings changed while running: the same endpoints, plain values, null to take one back, and somebody who does it.
typed.settings.set(
  { endpoints: { sales: { expiration: '2h', maxTurns: null } }, organization: { maxExpiration: 0 } },
  { by: 'ada' },
);
// @ts-expect-error a typo
typed.settings.set({ endpoints: { sails: { expiration: 5 } } }, { by: 'ada' });
// @ts-expect-error functions stand in code
typed.settings.set({ endpoints: { sales: { closingMessage: () => 'bye' } } }, { by: 'ada' });
// @ts-expect-error nobody
typed.settings.set({ endpoints: { sales: { expiration: 5 } } }, {});
untyped.settings.set({ endpoints: { whatever: { expiration: perhaps } } }, { by: 'ada', expectedVersion: perhaps });
typed.on('settings_changed', ({ version, by, at }) => [version.toFixed(), by.trim(), at.toFixed()]);

// Settings: durations are minutes or text with a unit, and unknown settings are refused.
createSessions({
  endpoints: { a: { expiration: '90s' }, b: { expiration: 'never' }, c: { expiration: 0 } },
  organization: { maxExpiration: '2h' },
});
// @ts-expect-error no such unit
createSessions({ endpoints: { support: { expiration: '2 weeks' } } });
// @ts-expect-error a typo in a setting
createSessions({ endpoints: { support: { expiraton: 30 } } });
// @ts-expect-error an organisation has no developers
createSessions({ organization: { developer: true } });
const inline: SlackOptions = { endpoint: 'support', expiration: '15m', scope: 'thread', commands: { discard: false } };
slackSessions(untyped, inline);

// Optional settings may be given as undefined, as they are by code that computes them.
createSessions({
  endpoints: { support: { expiration: perhaps } },
  organization: { maxExpiration: perhaps },
} satisfies SessionsOptions);

// What a session is, cannot be changed; what a bot keeps in it, can.
declare const session: Session<{ cart: string[] }>;
session.data = { cart: [] };
session.sentiment = 0.5;
session.expireAfter('2h');
session.variables.set('coupon', 'A1', { ttl: '2h', scope: 'contact' });
// @ts-expect-error the id is fixed
session.id = 'other';
// @ts-expect-error time is not the bot's to set
session.lastActivityAt = 0;

// Events are told apart by name.
typed.on('closed', (event) => same<typeof event.reason, Extract<AdjournEvent, { type: 'closed' }>['reason']>(true));
typed.on('late', (event) => event.lateBy.toFixed());
typed.on('*', (event) => (event.type === 'opened' ? event.startReason : event.at));
// @ts-expect-error no such event
typed.on('opend', () => {});
// @ts-expect-error nothing has ended when a session opens
typed.on('opened', (event) => event.endedAt);
