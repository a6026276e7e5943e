import { request as open } from 'node:http';
import type express from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { twilioVendor as vendor } from '../../src/simulator/channels/twilio.ts';
import {
  counting,
  deliver,
  empty,
  forms,
  type Handler,
  identity,
  say,
  twilioWorld,
  twiml,
  until,
  type World,
  webhook,
} from './twilio-world.ts';

let world: World;
beforeEach(() => {
  world = twilioWorld();
});
afterEach(() => world.stop());

describe.each(forms)('%s', (form) => {
  it('lets a duplicate wait for the original that is still running', async () => {
    const gate = Promise.withResolvers<void>();
    const running = Promise.withResolvers<void>();
    const url = await world.listen(form, async (req, res) => {
      running.resolve();
      await gate.promise;
      counting(world)(req, res, () => {});
    });
    const message = webhook('hi');
    const original = say(url, message);
    await running.promise;
    const repeated = deliver(url, vendor.redelivery(message, 1));
    await until(() => world.clock.nextWake() === world.clock.now() + 14_500);
    gate.resolve();
    expect(await original).toEqual(['#1 hi']);
    expect(await repeated).toEqual(empty);
  });

  it('answers fifty overlapping messages in turn, once each', async () => {
    const url = await world.listen(form, async (req, res) => {
      const { session } = world.sessions.turn(req) ?? {};
      const { notes } = session?.data ?? { notes: [] };
      await new Promise((resolve) => setImmediate(resolve));
      if (session) session.data = { notes: [...notes, req.body.Body] };
      counting(world)(req, res, () => {});
    });
    const texts = Array.from({ length: 50 }, (_, index) => `m${index}`);
    const answers = (await Promise.all(texts.map((text) => say(url, text)))).flat();
    expect(answers.map((one) => one.split(' ')[0]).sort()).toEqual(texts.map((_, index) => `#${index + 1}`).sort());
    expect(answers.map((one) => one.split(' ')[1]).sort()).toEqual([...texts].sort());
    expect(world.told('opened')).toHaveLength(1);
  });

  it('goes beside a busy conversation before Twilio gives up', async () => {
    const gate = Promise.withResolvers<void>();
    const url = await world.listen(form, async (req, res) => {
      const turn = world.sessions.turn(req);
      if (req.body.Body === 'slow') await gate.promise;
      turn?.update(({ data }) => data.notes.push(req.body.Body));
      twiml(res, `${turn?.exclusive} ${turn?.session.data.notes}`);
    });
    const slow = say(url, 'slow');
    await until(() => world.clock.nextWake() !== undefined);
    const hasty = say(url, 'hasty');
    await until(() => world.clock.nextWake() === world.clock.now() + 14_500);
    await world.clock.advance(14_500);
    expect(await hasty).toEqual(['false ']);
    gate.resolve();
    expect(await slow).toEqual(['true slow']);
    expect(await say(url, 'then')).toEqual(['true slow,hasty,then']);
  });

  it('leaves what the bot throws to the error middleware, drops its changes and takes the message again', async () => {
    let broken = true;
    const url = await world.listen(
      form,
      async (req, res) => {
        const { session } = world.sessions.turn(req) ?? {};
        session?.data.notes.push(req.body.Body);
        if (broken) throw new Error('broken');
        twiml(res, `#${session?.turnCount} ${session?.data.notes}`);
      },
      {},
      (error, _req, res, _next) => void res.status(500).type('text/plain').end(error.message),
    );
    const message = webhook('hi');
    expect(await deliver(url, message)).toMatchObject({ status: 500, text: 'broken' });
    broken = false;
    expect(await say(url, vendor.redelivery(message, 1))).toEqual(['#1 hi']);
    expect(world.told('duplicate')).toEqual([]);
  });

  it('takes a message for failed whose error middleware apologises with 200, if it says so', async () => {
    let broken = true;
    const apologise: express.ErrorRequestHandler = (error, req, res, _next) => {
      if (form === 'plain') world.sessions.turn(req)?.fail(error);
      twiml(res, 'Sorry');
    };
    const fragile: Handler = (req, res, next) => (broken ? next(new Error('broken')) : counting(world)(req, res, next));
    const url = await world.listen(form, fragile, {}, apologise);
    const message = webhook('hi');
    expect(await say(url, message)).toEqual(['Sorry']);
    broken = false;
    expect(await say(url, vendor.redelivery(message, 1))).toEqual(['#1 hi']);
  });

  it('is not ended by a client that hangs up', async () => {
    const gate = Promise.withResolvers<void>();
    const running = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const url = await world.listen(form, async (req, res) => {
      if (req.body.Body === 'patience') {
        res.once('close', gone.resolve);
        running.resolve();
        await gate.promise;
        world.sessions.of(req).data.notes.push('kept');
      }
      twiml(res, `#${world.sessions.of(req).turnCount} ${world.sessions.of(req).data.notes}`);
    });
    const { headers, bytes } = vendor.sign(webhook('patience'), identity, url, 0, 'right');
    const hasty = open(url, { method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(bytes) } });
    hasty.on('error', () => {});
    hasty.end(bytes);
    await running.promise;
    hasty.destroy();
    await gone.promise;
    const next = say(url, 'next');
    gate.resolve();
    expect(await next).toEqual(['#2 kept']);
  });
});

describe('a bot that answers first and writes later', () => {
  const writes =
    (gate: Promise<void>, outcome: unknown[]): Handler =>
    async (req, res) => {
      const { session } = world.sessions.turn(req) ?? {};
      twiml(res, `#${session?.turnCount} ${session?.data.notes}`);
      await gate;
      try {
        if (session) session.data = { notes: [...session.data.notes, req.body.Body] };
      } catch (error) {
        outcome.push(error);
      }
    };

  it('keeps its changes when wrapped: the turn is the promise', async () => {
    const gate = Promise.withResolvers<void>();
    const outcome: unknown[] = [];
    const url = await world.listen('wrapped', writes(gate.promise, outcome));
    expect(await say(url, 'a')).toEqual(['#1 ']);
    const next = say(url, 'b');
    gate.resolve();
    expect(await next).toEqual(['#2 a']);
    expect(outcome).toEqual([]);
  });

  it('is told that the turn is over when plain, unless it asks to wait', async () => {
    const gate = Promise.withResolvers<void>();
    const outcome: unknown[] = [];
    const url = await world.listen('plain', writes(gate.promise, outcome));
    expect(await say(url, 'a')).toEqual(['#1 ']);
    expect(await say(url, 'b')).toEqual(['#2 ']);
    gate.resolve();
    await until(() => outcome.length === 2);
    expect(outcome).toMatchObject([{ code: 'ADJ_TURN_ENDED' }, { code: 'ADJ_TURN_ENDED' }]);
  });

  it('keeps its changes when plain, if it asks to wait', async () => {
    const gate = Promise.withResolvers<void>();
    const outcome: unknown[] = [];
    const write = writes(gate.promise, outcome);
    const url = await world.listen('plain', (req, res, next) =>
      world.sessions.turn(req)?.waitUntil(Promise.resolve(write(req, res, next))),
    );
    expect(await say(url, 'a')).toEqual(['#1 ']);
    const next = say(url, 'b');
    gate.resolve();
    expect(await next).toEqual(['#2 a']);
    expect(outcome).toEqual([]);
  });
});
