import { expect, it } from 'vitest';
import { allOf, found } from './needles.ts';

const needles = { text: 'quokka-4711', token: 'xoxb-0815' };

it('finds what an error carries along, however deep and hidden', () => {
  const cause = Object.defineProperty(new Error('refused'), 'request', {
    value: { headers: { authorization: 'Bearer xoxb-0815' } },
  });
  const error = new Error('failed', { cause: new AggregateError([cause, new Error('about quokka-4711')]) });
  expect(found(needles, allOf({ events: new Map([['error', { error }]]) }))).toEqual(['text', 'token']);
});

it('finds what a class would rather not show', () => {
  const shy = { [Symbol.for('nodejs.util.inspect.custom')]: () => 'nothing', [Symbol('body')]: 'quokka-4711' };
  expect(found(needles, allOf(shy))).toEqual(['text']);
});

it.each(['', 'a', 'ab', 'abc'])('finds what is written as base64, behind %o', (before) => {
  expect(found(needles, Buffer.from(`${before}quokka-4711, more`).toString('base64'))).toEqual(['text']);
});

it('finds what is kept as bytes', () => {
  const bytes = Buffer.from('say quokka-4711');
  expect(found(needles, allOf({ body: bytes }))).toEqual(['text']);
  expect(found(needles, bytes.toString('hex'))).toEqual(['text']);
});

it('finds nothing in what holds nothing', () => {
  expect(found(needles, allOf({ error: new Error('quokka'), token: 'xoxb' }))).toEqual([]);
});
