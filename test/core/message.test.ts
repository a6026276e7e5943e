import { describe, expect, test } from 'vitest';
import { pickText, textRules } from '../../src/middleware/core/message.ts';

describe('a text to send by itself', () => {
  test.each([
    ['one', 'bye', { default: ['bye'] }],
    ['variants', ['bye', 'so long'], { default: ['bye', 'so long'] }],
    ['by locale', { 'pt-BR': 'tchau', DE: ['tschüss'] }, { 'pt-br': ['tchau'], de: ['tschüss'] }],
  ])('%s', (_what, text, rules) => {
    expect(textRules(text)).toEqual(rules);
  });

  test.each([
    ['empty', ''],
    ['blank', ' \n'],
    ['no variants', []],
    ['an empty one among them', ['bye', '']],
    ['no locales', {}],
    ['an empty locale', { de: [] }],
    ['a number', 7],
    ['null', null],
    ['nothing', undefined],
  ])('is none: %s', (_what, text) => {
    expect(textRules(text)).toBeUndefined();
  });
});

describe('which one is sent', () => {
  const rules = { default: ['d1', 'd2'], de: ['de'], 'de-at': ['at1', 'at2'] };

  test.each([
    ['no locale', undefined, 'd1'],
    ['another one', 'fr', 'd1'],
    ['the language', 'de-CH', 'de'],
    ['the very locale', 'de-AT', 'at1'],
    ['with an underscore', 'de_DE', 'de'],
    ['a name of every object', 'constructor', 'd1'],
  ])('%s', (_what, locale, text) => {
    expect(pickText(rules, locale, 0)).toBe(text);
  });

  test('the next one each time', () => {
    expect([0, 1, 2, 3].map((turn) => pickText(rules, undefined, turn))).toEqual(['d1', 'd2', 'd1', 'd2']);
  });

  test('none where nothing is meant for a locale', () => {
    expect(pickText({ de: ['tschüss'] }, 'fr', 0)).toBeUndefined();
    expect(pickText({ de: ['tschüss'] }, undefined, 0)).toBeUndefined();
  });
});
