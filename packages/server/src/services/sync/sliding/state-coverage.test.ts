import { expect, test } from 'vitest';
import { coversState } from './state-coverage.ts';
import { formatStateRule, type StatePattern } from './state-rule.ts';

const rule = (include: StatePattern[], { isLazy = false, exclude = [] as StatePattern[] } = {}) =>
  formatStateRule({ include, exclude, isLazy });

test.each<[string, string[], string[], boolean]>([
  ['the same', [rule([['a', '']])], [rule([['a', '']])], true],
  ['nothing', [rule([['a', '']])], [], true],
  [
    'less',
    [
      rule([
        ['a', ''],
        ['b', ''],
      ]),
    ],
    [rule([['b', '']])],
    true,
  ],
  [
    'more',
    [rule([['b', '']])],
    [
      rule([
        ['a', ''],
        ['b', ''],
      ]),
    ],
    false,
  ],
  [
    'parts of several',
    [rule([['a', '']]), rule([['b', '']])],
    [
      rule([
        ['a', ''],
        ['b', ''],
      ]),
    ],
    true,
  ],
  ['one key of all', [rule([['a', null]])], [rule([['a', 'x']])], true],
  ['one type of all', [rule([[null, 'x']])], [rule([['a', 'x']])], true],
  [
    'anything of everything',
    [rule([[null, null]])],
    [
      rule([
        ['a', null],
        [null, 'x'],
      ]),
    ],
    true,
  ],
  ['all keys, one was told', [rule([['a', 'x']])], [rule([['a', null]])], false],
  ['what was told with exceptions', [rule([[null, null]], { exclude: [['b', '']] })], [rule([['a', '']])], false],
  ['members as they are needed', [rule([[null, null]])], [rule([], { isLazy: true })], false],
  ['no members any more', [rule([['a', '']], { isLazy: true })], [rule([['a', '']])], true],
])('whether what was told covers %s', (_, told, wanted, covers) => {
  expect(coversState(told, wanted)).toBe(covers);
});
