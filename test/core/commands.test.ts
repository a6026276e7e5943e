import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CommandName } from '../../src/middleware/core/activity.ts';
import {
  acknowledgementOf,
  type CommandSettings,
  commandOf,
  commandRules,
  fold,
  wordsOf,
} from '../../src/middleware/core/commands.ts';
import { control, message, postback } from './given.ts';

function rulesOf(settings?: CommandSettings | false) {
  const { rules, problems } = commandRules(settings);
  expect(problems).toEqual([]);
  return rules;
}

const standard = rulesOf();
const said = (text: string | undefined, rules = standard, locale?: string, addressed = true) =>
  commandOf(message(text, { locale, addressed }), rules);

describe('what a user writes', () => {
  test.each<[string, CommandName]>([
    ['discard', 'discard'],
    ['Discard', 'discard'],
    ['  DISCARD\n', 'discard'],
    ['discard all', 'discard all'],
    ['Discard \t  All', 'discard all'],
    ['discard\u00a0all', 'discard all'],
    ['ｄｉｓｃａｒｄ　ａｌｌ', 'discard all'],
    ['𝐑𝐞𝐟𝐫𝐞𝐬𝐡', 'refresh'],
    ['ReFreSH', 'refresh'],
  ])('%o is %s', (text, command) => {
    expect(said(text)).toBe(command);
  });

  test.each([
    '',
    ' ',
    'discard it',
    'please discard',
    'discard.',
    '"discard"',
    'discard all of it',
    'discardall',
    'discards',
    'dis card',
    'refresh!',
    'd i s c a r d',
    `discard${' '.repeat(300)}x`,
  ])('%o is none', (text) => {
    expect(said(text)).toBeUndefined();
  });

  test('a command is the whole text, however it is spelled, and never a part of it', () => {
    const spelled = fc.constantFrom(...wordsOf(standard)).chain((word) =>
      fc
        .tuple(
          fc.constant(word),
          fc.array(fc.boolean(), { minLength: word.length, maxLength: word.length }),
          fc.stringMatching(/^[ \t\n]{0,5}$/),
          fc.constantFrom('NFC', 'NFD', 'NFKD'),
        )
        .map(([, upper, pad, form]) => ({
          word,
          text: `${pad}${[...word].map((letter, n) => (upper[n] ? letter.toUpperCase() : letter)).join('')}${pad}`.normalize(
            form,
          ),
        })),
    );
    fc.assert(
      fc.property(spelled, fc.stringMatching(/^[\p{L}\p{N}.!?]{1,20}$/u), ({ word, text }, more) => {
        expect(said(text)).toBe(word);
        expect(said(`${text}${more}`)).toBeUndefined();
        expect(said(`${more} ${text}`)).toBeUndefined();
      }),
    );
  });

  test('any text at all is looked at without harm', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect([undefined, 'discard', 'discard all', 'refresh']).toContain(said(text));
      }),
    );
    expect(said('\ud800')).toBeUndefined();
    expect(said('discard'.repeat(200_000))).toBeUndefined();
  });

  test('captions and pictures hold none, nor what was not meant for the bot', () => {
    expect(said(undefined)).toBeUndefined();
    expect(said('discard', standard, undefined, false)).toBeUndefined();
  });
});

describe('controls of the channel', () => {
  test.each<[string, CommandName | undefined]>([
    ['DISCARD', 'discard'],
    ['DISCARD_ALL', 'discard all'],
    ['discard-all', 'discard all'],
    ['discard all', 'discard all'],
    ['refresh', 'refresh'],
    ['REFRESH_ORDERS', undefined],
    ['{"discard":true}', undefined],
    ['', undefined],
  ])('the payload %o is %s', (payload, command) => {
    expect(commandOf(postback(payload), standard)).toBe(command);
  });

  test('words of the bot with a hyphen or underscore of their own match, too', () => {
    const rules = rulesOf({ discard: 'start-over', refresh: 'new_chat' });
    expect(commandOf(postback('start-over'), rules)).toBe('discard');
    expect(commandOf(postback('new_chat'), rules)).toBe('refresh');
    expect(commandOf(message('start-over'), rules)).toBe('discard');
    expect(commandOf(message('start over'), rules)).toBeUndefined();
  });

  test('the explicit form counts where the command is on', () => {
    expect(commandOf(control('refresh'), standard)).toBe('refresh');
    expect(commandOf(control('refresh'), rulesOf({ refresh: false }))).toBeUndefined();
    expect(commandOf({ kind: 'lifecycle', channel: 'slack', type: 'x' }, standard)).toBeUndefined();
  });
});

describe('settings', () => {
  test('one command is turned off or renamed, the others stay', () => {
    const rules = rulesOf({ discard: false, refresh: ['restart', 'New Chat'] });
    expect(said('discard', rules)).toBeUndefined();
    expect(said('discard all', rules)).toBe('discard all');
    expect(said('refresh', rules)).toBeUndefined();
    expect(said('RESTART', rules)).toBe('refresh');
    expect(said('new chat', rules)).toBe('refresh');
    expect(wordsOf(rules)).toEqual(['discard all', 'restart', 'new chat']);
  });

  test('false turns all of them off', () => {
    const rules = rulesOf(false);
    for (const word of wordsOf(standard)) expect(said(word, rules)).toBeUndefined();
  });

  test('word lists by locale: the exact one, its language, the default', () => {
    const rules = rulesOf({ refresh: { default: 'refresh', de: ['neu', 'von vorn'], 'pt-BR': 'recomeçar' } });
    expect(said('neu', rules, 'de')).toBe('refresh');
    expect(said('Von Vorn', rules, 'de-AT')).toBe('refresh');
    expect(said('neu', rules, 'DE_at')).toBe('refresh');
    expect(said('RECOMEC\u0327AR', rules, 'pt-br')).toBe('refresh');
    expect(said('recomeçar', rules, 'pt-PT')).toBeUndefined();
    expect(said('refresh', rules, 'de')).toBe('refresh');
    expect(said('neu', rules, 'fr')).toBeUndefined();
    expect(said('neu', rules)).toBe('refresh');
    expect(said('neu', rules, '__proto__')).toBeUndefined();
  });

  test('letters are compared without their case in every script', () => {
    for (const word of ['schließen', 'ΣΊΣΥΦΟΣ', 'начать', '取消', 'café']) {
      const rules = rulesOf({ discard: word });
      for (const text of [word, word.toUpperCase(), word.toLowerCase(), word.normalize('NFD')])
        expect(said(text, rules), text).toBe('discard');
    }
  });

  test('folding twice changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(fold(fold(text))).toBe(fold(text));
      }),
    );
    expect(['STRASSE', 'straße', 'STRAẞE'].map(fold)).toEqual(Array(3).fill('strasse'));
  });

  test('a word cannot stand for two commands, nor for silence', () => {
    expect(commandRules({ discard: 'reset', refresh: ['RESET'] }).problems).toMatchObject([
      { setting: 'commands.refresh', message: expect.stringContaining('reset') },
    ]);
    expect(commandRules({ discardAll: '  ' }).problems).toMatchObject([{ setting: 'commands.discardAll' }]);
    expect(commandRules({ refresh: { en: 'again', de: 'again' } }).problems).toEqual([]);
  });
});

describe('the acknowledgement', () => {
  test('has a default for each command', () => {
    expect(
      (['discard', 'discard all', 'refresh'] as const).map((command) => acknowledgementOf(command, undefined, standard)),
    ).toEqual(['Discarded.', 'All discarded.', 'Refreshed.']);
  });

  test('is chosen by locale, and can be off', () => {
    const rules = rulesOf({ acknowledge: { discard: { default: 'Gone.', de: 'Weg.' }, refresh: false } });
    expect(acknowledgementOf('discard', 'de-CH', rules)).toBe('Weg.');
    expect(acknowledgementOf('discard', 'fr', rules)).toBe('Gone.');
    expect(acknowledgementOf('discard', undefined, rules)).toBe('Gone.');
    expect(acknowledgementOf('discard all', 'de', rules)).toBe('All discarded.');
    expect(acknowledgementOf('refresh', 'de', rules)).toBeUndefined();
    expect(acknowledgementOf('discard', undefined, rulesOf({ acknowledge: false }))).toBeUndefined();
  });
});
