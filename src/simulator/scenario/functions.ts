import type { Clock } from '../../middleware/clock.ts';
import type { Duration } from '../../middleware/core/duration.ts';
import { classifyLimitMs, type Hooks, hookLimitMs } from '../../middleware/hooks.ts';
import type { TestFunctions } from './format.ts';

/** How much longer than it may a slow function takes. */
const tooLong = 2;

/** The functions of an endpoint that a file's `test` asks for. @param clock what slow ones sleep by */
export function functionsFor<Data>({ classifyReturn, onClosing, script }: TestFunctions, clock: () => Clock): Hooks<Data> {
  const misbehave = async (how: 'throws' | 'slow', limitMs: number) => {
    if (how === 'throws') throw new Error('The scenario asked for it.');
    await clock().sleep(limitMs * tooLong);
  };
  return {
    ...(classifyReturn && {
      async classifyReturn() {
        if (classifyReturn !== 'throws' && classifyReturn !== 'slow') return classifyReturn;
        await misbehave(classifyReturn, classifyLimitMs);
        return 'same';
      },
    }),
    ...(onClosing && {
      async onClosing(_session, close) {
        if (typeof onClosing === 'string') return misbehave(onClosing, hookLimitMs);
        close.extend(`${onClosing.extendByMs / 1_000}s` as Duration);
      },
    }),
    ...(script && { onClose: () => misbehave(script, hookLimitMs) }),
  };
}
