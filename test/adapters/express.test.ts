import { once } from 'node:events';
import type { Request, Response } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAdjournError, type Turn } from '../../src/index.ts';
import { eventsOf, expressBot, type Notes, type ToyEvent } from './express-bot.ts';

let bot: Awaited<ReturnType<typeof expressBot>>;
beforeEach(async () => {
  bot = await expressBot();
});
afterEach(() => bot.close());

const ada = (id: string, text?: string): ToyEvent => ({ id, user: 'ada', ...(text === undefined ? {} : { text }) });
const ben = (id: string, text?: string): ToyEvent => ({ id, user: 'ben', ...(text === undefined ? {} : { text }) });

/** Which turn of its session it is, and what was said. */
const count = (turn: Turn<Notes>, text: string | undefined) => turn.reply(`#${turn.session.turnCount} ${text}`);
const gate = () => Promise.withResolvers<void>();

describe('the event handler form', () => {
  it('runs one turn per event, in order within a conversation', async () => {
    bot.mount(bot.events$((event, turn) => count(turn, event.text)));
    expect(await bot.post(ada('1', 'a'), ben('2', 'x'), ada('3', 'b'), ben('4', 'y'))).toEqual({ status: 200, text: 'empty' });
    expect(bot.told.filter((line) => line.startsWith('ada'))).toEqual(['ada: #1 a', 'ada: #2 b']);
    expect(bot.told.filter((line) => line.startsWith('ben'))).toEqual(['ben: #1 x', 'ben: #2 y']);
  });

  it('lets no conversation wait for another one', async () => {
    const benRan = gate();
    bot.mount(bot.events$((event) => (event.user === 'ada' ? benRan.promise : benRan.resolve())));
    expect((await bot.post(ada('1', 'a'), ben('2', 'x'))).status).toBe(200);
  });

  it('answers once the turns are saved, so that a repetition finds them done', async () => {
    bot.mount(bot.events$((event, turn) => count(turn, event.text)));
    await bot.post(ada('1', 'a'));
    await bot.post(ada('1', 'a'));
    expect(bot.told).toEqual(['ada: #1 a']);
    expect(bot.events.filter(({ type }) => type === 'duplicate')).toHaveLength(1);
  });

  it('answers half a second before the vendor gives up, and the turn goes on', async () => {
    const [started, enough] = [gate(), gate()];
    bot.mount(
      bot.events$(async (event, turn) => {
        started.resolve();
        if (event.text === 'slow') await enough.promise;
        turn.session.data.seen.push(event.id);
        await turn.reply(turn.session.data.seen.join());
      }),
    );
    const answer = bot.post(ada('1', 'slow'));
    await started.promise;
    expect(bot.clock.nextWake()).toBe(bot.clock.now() + 1_500);
    await bot.clock.advance(1_500);
    expect((await answer).status).toBe(200);
    expect(bot.told).toEqual([]);
    enough.resolve();
    await bot.post(ada('2', 'quick'));
    expect(bot.told).toEqual(['ada: 1', 'ada: 1,2']);
  });

  it('hands what a handler throws to the error middleware; the other events get theirs, and only the failed one runs again', async () => {
    let broken = true;
    bot.mount(
      bot.events$(async (event, turn) => {
        turn.session.data.seen.push(event.id);
        if (event.id === '1' && broken) throw new Error('out of paper');
        await turn.reply(turn.session.data.seen.join());
      }),
    );
    expect(await bot.post(ada('1', 'a'), ada('2', 'b'), ben('3', 'x'))).toEqual({ status: 500, text: 'out of paper' });
    expect(bot.told.toSorted()).toEqual(['ada: 2', 'ben: 3']);
    broken = false;
    expect((await bot.post(ada('1', 'a'), ada('2', 'b'), ben('3', 'x'))).status).toBe(200);
    expect(bot.told.toSorted()).toEqual(['ada: 2', 'ada: 2,1', 'ben: 3']);
  });

  it('reports what is thrown once the request is answered, and all but the first of several errors', async () => {
    const [started, enough] = [gate(), gate()];
    bot.mount(
      bot.events$(async (event) => {
        started.resolve();
        if (event.text === 'late') await enough.promise;
        throw new Error(`${event.user} ${event.text}`);
      }),
    );
    expect((await bot.post(ada('1', 'first'), ben('2', 'second'))).text).toBe('ada first');
    expect(bot.failures).toEqual([new Error('ben second')]);
    const answer = bot.post(ada('3', 'late'));
    await started.promise;
    await bot.clock.advance(1_500);
    expect((await answer).status).toBe(200);
    enough.resolve();
    await expect.poll(() => bot.failures.length).toBe(2);
    expect(bot.failures[1]).toEqual(new Error('ada late'));
  });

  it('consumes commands without the handler', async () => {
    bot.mount(bot.events$((event, turn) => count(turn, event.text)));
    await bot.post(ada('1', 'hi'), ada('2', 'refresh'), ada('3', 'hi'));
    expect(bot.told).toEqual(['ada: #1 hi', 'ada: Refreshed.', 'ada: #1 hi']);
  });

  it('gives what belongs to no session to its own callback, untouched', async () => {
    const others: unknown[] = [];
    const handled: string[] = [];
    bot.mount(
      bot.events$(
        (event) => void handled.push(event.id),
        (event, activity) => others.push([event, activity.kind]),
      ),
    );
    expect((await bot.post(ada('1'), ada('2', 'hi'))).status).toBe(200);
    expect(handled).toEqual(['2']);
    expect(others).toEqual([[{ id: '1', user: 'ada' }, 'lifecycle']]);
  });

  it('knows the turn of an event, and the turn that code runs in', async () => {
    const found: unknown[] = [];
    bot.mount(
      bot.events$(async (event, turn) => {
        found.push(bot.sessions.turn(event) === turn, bot.sessions.current() === turn, turn.host === event);
      }),
    );
    await bot.post(ada('1', 'a'), ben('2', 'x'));
    expect(found).toEqual([true, true, true, true, true, true]);
  });

  it('answers an empty request with success', async () => {
    bot.mount(bot.events$(() => expect.unreachable()));
    expect(await bot.post()).toEqual({ status: 200, text: 'empty' });
  });
});

/** What the two forms that get the request as it is have in common. */
describe.each(['wrapped', 'plain'] as const)('the %s form', (form) => {
  const mount = (handler: (req: Request, res: Response) => unknown) => {
    const toy = bot.request();
    if (form === 'wrapped') bot.mount(toy.wrap(handler));
    else bot.mount(toy, handler);
  };

  it('gives the turn to the handler by its request', async () => {
    mount(async (req, res) => {
      const turn = bot.sessions.turn(req);
      if (turn) await count(turn, turn.activities.map(({ id }) => id).join());
      res.send(bot.sessions.current() === turn && 'same');
    });
    expect(await bot.post(ada('1', 'a'), ada('2', 'b'))).toEqual({ status: 200, text: 'same' });
    await bot.post(ada('3', 'c'));
    expect(bot.told).toEqual(['ada: #1 1,2', 'ada: #2 3']);
  });

  it('answers commands and duplicates itself', async () => {
    mount((req, res) =>
      res.send(
        eventsOf(req)
          .map(({ text }) => text)
          .join(),
      ),
    );
    expect(await bot.post(ada('1', 'hi'))).toEqual({ status: 200, text: 'hi' });
    expect(await bot.post(ada('2', 'discard'))).toEqual({ status: 200, text: 'empty' });
    expect(bot.told).toEqual(['ada: Discarded.']);
    expect(await bot.post(ada('1', 'hi'), ada('2', 'discard'))).toEqual({ status: 200, text: 'empty' });
  });

  it('takes commands and duplicates out of what the bot sees', async () => {
    mount((req, res) =>
      res.send(
        eventsOf(req)
          .map(({ id }) => id)
          .join(),
      ),
    );
    expect((await bot.post(ada('1', 'hi'), ada('2', 'discard'), ada('3', 'hi'), ada('1', 'hi'))).text).toBe('1,3');
    expect((await bot.post(ada('3', 'hi'), ben('4', 'discard'), ben('5', 'hi'), ada('6'), ben('7', 'hi'))).text).toBe('5,6,7');
    expect((await bot.post(ada('3', 'hi'), ben('8', 'refresh'), ada('9'))).text).toBe('9');
  });

  it.each([
    ['one after the other', [ada('1', 'a'), ada('2', 'b'), ben('3', 'x'), ben('4', 'y')]],
    ['by turns', [ben('3', 'x'), ada('1', 'a'), ben('4', 'y'), ada('2', 'b')]],
  ])('runs once for two people with two events each, %s', async (_order, events) => {
    const caught: unknown[] = [];
    mount(async (req, res) => {
      const turns = new Set(eventsOf(req).map((event) => bot.sessions.turn(event)));
      for (const turn of turns) {
        turn?.session.data.seen.push(...turn.activities.map(({ id }) => id ?? ''));
        await turn?.reply(turn.session.data.seen.join());
      }
      try {
        bot.sessions.of(req);
      } catch (error) {
        caught.push(isAdjournError(error) && error.code);
      }
      res.send(String(turns.size));
    });
    expect(await bot.post(...events)).toEqual({ status: 200, text: '2' });
    expect(bot.told.toSorted()).toEqual(['ada: 1,2', 'ben: 3,4']);
    expect(caught).toEqual(['ADJ_SEVERAL_CONVERSATIONS']);
    await bot.post(ada('5', 'c'));
    expect(bot.told.at(-1)).toBe('ada: 1,2,5');
  });

  it('lets a request through that holds nothing with a session', async () => {
    mount((req, res) => {
      try {
        bot.sessions.of(req);
      } catch (error) {
        res.send(`${isAdjournError(error) && error.code} ${bot.sessions.turn(req)} ${eventsOf(req).length}`);
      }
    });
    expect((await bot.post(ada('1'))).text).toBe('ADJ_NO_SESSION undefined 1');
    expect((await bot.post(ada('2'), ben('3'))).text).toBe('ADJ_NO_SESSION undefined 2');
    expect(bot.events).toEqual([]);
  });

  it('leaves errors to the error middleware and drops what the handler changed', async () => {
    mount(async (req, res) => {
      const { data } = bot.sessions.of(req);
      data.seen.push(eventsOf(req)[0]?.id ?? '');
      if (eventsOf(req)[0]?.text === 'crash' && data.seen.length === 1) throw new Error('out of paper');
      res.send(data.seen.join());
    });
    expect(await bot.post(ada('1', 'crash'))).toEqual({ status: 500, text: 'out of paper' });
    expect(await bot.post(ada('2', 'hi'))).toEqual({ status: 200, text: '2' });
    expect(await bot.post(ada('1', 'crash'))).toEqual({ status: 200, text: '2,1' });
  });

  it('shows request and response as the host of the turn', async () => {
    mount((req, res) => {
      const host = bot.sessions.turn(req)?.host as { req: unknown; res: unknown };
      res.send(String(host.req === req && host.res === res));
    });
    expect((await bot.post(ada('1', 'hi'))).text).toBe('true');
  });

  it('is not ended by a client that hangs up', async () => {
    const started = gate();
    mount(async (req, res) => {
      const { data, turnCount } = bot.sessions.of(req);
      if (turnCount === 1) {
        started.resolve();
        await once(res, 'close');
      }
      data.seen.push(String(turnCount));
      res.send(data.seen.join());
    });
    const call = bot.open(ada('1', 'hi'));
    await started.promise;
    call.destroy();
    expect((await bot.post(ada('2', 'hi'))).text).toBe('1,2');
    expect(bot.failures).toEqual([]);
  });

  it('has the status of the bot tell whether its turn failed, whoever is still listening', async () => {
    const started = gate();
    mount(async (req, res) => {
      const { data, turnCount } = bot.sessions.of(req);
      data.seen.push(eventsOf(req)[0]?.id ?? '');
      if (eventsOf(req)[0]?.text === 'wait') {
        started.resolve();
        await once(res, 'close');
      }
      res.status(turnCount === 1 && form === 'plain' ? 503 : 200).send(data.seen.join());
    });
    const call = bot.open(ada('1', 'wait'));
    await started.promise;
    call.destroy();
    const answer = await bot.post(ada('2', 'hi'));
    // A wrapped handler that returns has not failed, whatever it answered.
    expect(answer).toEqual(form === 'plain' ? { status: 503, text: '2' } : { status: 200, text: '1,2' });
  });
});

describe('the wrapped form', () => {
  it('lets the bot answer first and write later', async () => {
    const answered = gate();
    bot.mount(
      bot.request().wrap(async (req, res) => {
        res.send('at once');
        await answered.promise;
        bot.sessions.of(req).data.seen.push('later');
        await bot.sessions.turn(req)?.reply(bot.sessions.of(req).data.seen.join());
      }),
    );
    expect((await bot.post(ada('1', 'hi'))).text).toBe('at once');
    answered.resolve();
    await bot.post(ada('2', 'hi'));
    await expect.poll(() => bot.told).toEqual(['ada: later', 'ada: later,later']);
  });

  it('takes no more from a turn that was given up', async () => {
    const [started, late, over] = [gate(), gate(), gate()];
    bot.mount(
      bot.request().wrap(async (req, res, next) => {
        if (eventsOf(req)[0]?.text !== 'hang') return void res.send(String(bot.sessions.of(req).turnCount));
        started.resolve();
        await late.promise;
        next(new Error('nobody hears this'));
        over.resolve();
      }),
    );
    const hung = bot.post(ada('1', 'hang'));
    await started.promise;
    await bot.clock.advance(5 * 60_000);
    expect(await hung).toMatchObject({ status: 500, text: expect.stringContaining('ADJ_TURN_TIMEOUT') });
    expect((await bot.post(ada('2', 'hi'))).text).toBe('1');
    late.resolve();
    await over.promise;
  });

  it('counts next(error) as a failure', async () => {
    bot.mount(
      bot.request().wrap((req, res, next) => {
        const { data } = bot.sessions.of(req);
        data.seen.push(eventsOf(req)[0]?.id ?? '');
        if (data.seen.join() === '1') next(new Error('out of paper'));
        else res.send(data.seen.join());
      }),
    );
    expect(await bot.post(ada('1', 'hi'))).toEqual({ status: 500, text: 'out of paper' });
    expect((await bot.post(ada('2', 'hi'))).text).toBe('2');
    expect(bot.failures).toEqual([new Error('out of paper')]);
  });
});

describe('the plain form', () => {
  it('ends with the response: what is written later throws, but for what waitUntil covers', async () => {
    const [covered, late] = [gate(), gate()];
    const thrown: unknown[] = [];
    bot.mount(bot.request(), async (req, res) => {
      const { session, turn } = { session: bot.sessions.of(req), turn: bot.sessions.turn(req) };
      const id = eventsOf(req)[0]?.id;
      if (id === '1') turn?.waitUntil(covered.promise.then(() => session.data.seen.push('covered')));
      res.send(session.data.seen.join());
      if (id !== '2') return;
      await late.promise;
      try {
        session.tags.set(['late']);
      } catch (error) {
        thrown.push(isAdjournError(error) && error.code);
      }
    });
    await bot.post(ada('1', 'hi'));
    covered.resolve();
    expect((await bot.post(ada('2', 'hi'))).text).toBe('covered');
    // The third turn cannot begin before the second one has ended.
    await bot.post(ada('3', 'hi'));
    late.resolve();
    await expect.poll(() => thrown).toEqual(['ADJ_TURN_ENDED']);
  });

  it('counts a response of 500 or more as a failure', async () => {
    bot.mount(bot.request(), (req, res) => {
      const { data } = bot.sessions.of(req);
      data.seen.push(eventsOf(req)[0]?.id ?? '');
      res.status(data.seen.join() === '1' ? 503 : 200).send(data.seen.join());
    });
    expect((await bot.post(ada('1', 'hi'))).status).toBe(503);
    expect((await bot.post(ada('2', 'hi'))).text).toBe('2');
    expect(bot.failures).toEqual([new Error('The response ended with status 503.')]);
  });

  it('counts a response that the bot breaks off as a failure', async () => {
    bot.mount(bot.request(), (req, res) => {
      const { data } = bot.sessions.of(req);
      data.seen.push(eventsOf(req)[0]?.id ?? '');
      if (data.seen.join() !== '1') return void res.send(data.seen.join());
      res.write('half a sent');
      res.destroy();
    });
    await expect(bot.post(ada('1', 'hi'))).rejects.toThrow();
    expect((await bot.post(ada('2', 'hi'))).text).toBe('2');
    expect(bot.failures).toEqual([new Error('The response was closed before it was finished.')]);
  });

  it('gives a turn up when nobody ends the response after a hang-up', async () => {
    const [started, closed] = [gate(), gate()];
    bot.mount(bot.request(), (req, res) => {
      const { data } = bot.sessions.of(req);
      data.seen.push(eventsOf(req)[0]?.id ?? '');
      if (data.seen.join() !== '1') return void res.send(data.seen.join());
      res.once('close', closed.resolve);
      started.resolve();
    });
    const call = bot.open(ada('1', 'hi'));
    await started.promise;
    call.destroy();
    await closed.promise;
    expect(bot.failures).toEqual([]);
    await bot.clock.advance(5 * 60_000);
    expect(bot.failures.map((error) => isAdjournError(error) && error.code)).toEqual(['ADJ_TURN_TIMEOUT']);
    expect((await bot.post(ada('2', 'hi'))).text).toBe('2');
  });
});
