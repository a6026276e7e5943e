import { createHmac } from 'node:crypto';
import express from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer, batch, type MetaBot, metaBot } from './meta-bot.ts';

describe.each(['messenger', 'whatsapp'] as const)('%s', (channel) => {
  let bot: MetaBot;
  beforeEach(async () => {
    bot = await metaBot(channel);
  });
  afterEach(() => bot.close());

  const events = (more?: Parameters<MetaBot['events$']>[1]) => bot.events$((_event, turn) => answer(turn), more);

  describe('verification by the dashboard', () => {
    const query = (token: string) => `?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${token}`;

    it('gets its challenge back for the right token, as plain text', async () => {
      const handler = events();
      bot.mount((web) => web.use('/hook', handler));
      for (const response of [
        await fetch(`${bot.url}${query('tide-table')}`),
        await handler.fetch(new Request(`${bot.url}${query('tide-table')}`)),
      ]) {
        expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
          200,
          'text/plain; charset=utf-8',
          '1158201444',
        ]);
      }
    });

    it('is refused with another token, or none', async () => {
      const handler = events();
      bot.mount((web) => web.use('/hook', handler));
      for (const token of ['tide-tables', '']) {
        expect((await fetch(`${bot.url}${query(token)}`)).status).toBe(403);
        expect((await handler.fetch(new Request(`${bot.url}${query(token)}`))).status).toBe(403);
      }
    });

    it.each(['plain', 'wrap'] as const)('and anything else that is no webhook goes to the bot (%s)', async (form) => {
      const handler = (_req: express.Request, res: express.Response) => void res.send('a page of the bot');
      const handlers = { plain: () => [bot.plain(), handler], wrap: () => [bot.plain().wrap(handler)] };
      bot.mount((web) => web.use('/hook', ...handlers[form]()));
      expect(await (await fetch(bot.url)).text()).toBe('a page of the bot');
      expect((await events().fetch(new Request(bot.url))).status).toBe(404);
    });
  });

  describe('signatures', () => {
    it('are checked over the bytes that came, not over what JSON.stringify makes of them', async () => {
      bot.mount((web) => web.use('/hook', events()));
      const { headers } = bot.signed(bot.does('ada', 'Córdoba 😀'));
      const rewritten = JSON.stringify(bot.does('ada', 'Córdoba 😀').body);
      expect((await fetch(bot.url, { method: 'POST', headers, body: rewritten })).status).toBe(401);
      expect(await bot.post(bot.does('ada', 'Córdoba 😀'))).toBe(200);
      expect(bot.received).toEqual(['ada: #1 Córdoba 😀']);
    });

    it('may come from any of several app secrets', async () => {
      bot.mount((web) => web.use('/hook', events({ appSecret: ['the next one', bot.identity.secret] })));
      expect(await bot.post(bot.does('ada', 'hi'))).toBe(200);
      expect(await bot.post(bot.does('ada', 'hi'), 'wrong')).toBe(401);
    });

    it.each(['', 'sha256=', 'sha1=0011', `sha256=${'zz'.repeat(32)}`, `sha256=${'0'.repeat(63)}`])(
      'that are malformed are refused (%s)',
      async (header) => {
        bot.mount((web) => web.use('/hook', events()));
        const { bytes } = bot.signed(bot.does('ada', 'hi'));
        expect((await fetch(bot.url, { method: 'POST', headers: { 'x-hub-signature-256': header }, body: bytes })).status).toBe(
          401,
        );
        expect(bot.opened()).toBe(0);
      },
    );

    it.each([{ appSecret: undefined }, { appSecret: '' }, { appSecret: [] }, { appSecret: ['right', ''] }, { verifyToken: '' }])(
      'cannot be checked with %o',
      (settings) => expect(() => events(settings)).toThrow(expect.objectContaining({ code: 'ADJ_CONFIG_INVALID' })),
    );
  });

  describe('a body that something has read before', () => {
    it('cannot be checked, which the error middleware is told with the way out', async () => {
      bot.mount((web) => web.use(express.json()).use('/hook', events()));
      expect(await bot.post(bot.does('ada', 'hi'))).toBe(500);
      expect(bot.failures).toEqual([
        expect.objectContaining({ code: 'ADJ_RAW_BODY_MISSING', hint: expect.stringContaining('express.json({ verify') }),
      ]);
      const used = bot.request(bot.does('ada', 'hi'));
      await used.text();
      expect((await events().fetch(used)).status).toBe(500);
      expect(bot.opened()).toBe(0);
    });

    it.each([
      ['kept in req.rawBody', () => express.json({ verify: (req, _res, rawBody) => void Object.assign(req, { rawBody }) })],
      ['as bytes', () => express.raw({ type: '*/*' })],
      ['as text', () => express.text({ type: '*/*' })],
    ])('is checked and handled when it is %s', async (_name, parser) => {
      bot.mount((web) => web.use(parser()).use('/hook', events()));
      expect(await bot.post(bot.does('ada', 'Córdoba 😀'))).toBe(200);
      expect(await bot.post(bot.does('ada', 'hi'), 'wrong')).toBe(401);
      expect(bot.received).toEqual(['ada: #1 Córdoba 😀']);
    });

    it.each([
      ['bytes', () => express.raw({ type: '*/*' }), Buffer.isBuffer],
      ['text', () => express.text({ type: '*/*' }), (body: unknown) => typeof body === 'string'],
    ])('stays %s for a bot that parses it itself', async (_name, parser, isRight) => {
      const bodies: unknown[] = [];
      bot.mount((web) =>
        web.use('/hook', parser(), bot.plain(), (req, res) => void res.sendStatus(bodies.push(req.body) && 200)),
      );
      const hi = bot.does('ada', 'hi');
      await bot.post(hi);
      await bot.post(batch(hi, bot.does('bo', 'two')));
      expect(bodies.map(isRight)).toEqual([true, true]);
      expect(String(bodies[1])).not.toContain('"hi"');
      expect(JSON.parse(String(bodies[1]))).toMatchObject({ object: expect.any(String), entry: [expect.anything()] });
    });

    it('is handled unchecked where the bot says that it checks itself', async () => {
      bot.mount((web) => web.use(express.json()).use('/hook', events({ signature: 'verified', appSecret: undefined })));
      expect(await bot.post(bot.does('ada', 'hi'), 'none')).toBe(200);
      expect(bot.received).toEqual(['ada: #1 hi']);
    });
  });

  it('does not read on when a body is too large', async () => {
    const handler = events({ bodyLimit: 2_000 });
    bot.mount((web) => web.use('/hook', handler));
    const large = bot.does('ada', 'x'.repeat(3_000));
    expect(await bot.post(large)).toBe(413);
    expect((await handler.fetch(bot.request(large))).status).toBe(413);
    const { headers, bytes } = bot.signed(large);
    const inPieces = new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode(bytes));
        controller.close();
      },
    });
    expect((await fetch(bot.url, { method: 'POST', headers, body: inPieces, duplex: 'half' } as RequestInit)).status).toBe(413);
    expect(await bot.post(bot.does('ada', 'hi'))).toBe(200);
    expect(bot.received).toEqual(['ada: #1 hi']);
  });

  it.each(['not json', '5', 'null', '"text"', ''])('answers a signed body of %j with 200', async (text) => {
    const handler = events();
    bot.mount((web) => web.use('/hook', handler));
    const headers = { 'x-hub-signature-256': `sha256=${createHmac('sha256', bot.identity.secret).update(text).digest('hex')}` };
    expect((await fetch(bot.url, { method: 'POST', headers, body: text })).status).toBe(200);
    expect((await handler.fetch(new Request(bot.url, { method: 'POST', headers, body: text }))).status).toBe(200);
    expect(bot.opened()).toBe(0);
  });
});
