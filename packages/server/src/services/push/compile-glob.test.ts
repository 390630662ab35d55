import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGlob, compileLiteral } from './compile-glob.ts';

describe('a glob and a whole text', () => {
  test.each([
    ['lunc?*', 'lunch plans', true],
    ['LUNC?*', 'lunch', true],
    ['lunc?*', ' lunch', false],
    ['lunc?*', 'lunc', false],
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'anything', true],
    ['**', 'x', true],
    ['?', '😀', true],
    ['?', '', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*a', 'ba', true],
    ['a*', 'ba', false],
    ['a.c', 'abc', false],
    ['m.room.*', 'm.room.message', true],
    ['*ab*ab*', 'abab', true],
    ['*aba*ba', 'ababa', true],
    ['*aba*ba', 'abba', false],
  ])('%j and %j: %s', (pattern, text, expected) => {
    expect(compileGlob(pattern).matchesWhole(text)).toBe(expected);
  });
});

describe('a glob and words', () => {
  test.each([
    ['ex*ple', 'an example event.', true],
    ['ex*ple', 'exple', true],
    ['ex*ple', 'an exciting triple-whammy', true],
    ['ex*ple', 'examples', false],
    ['cake', 'cake', true],
    ['cake', 'pancake', false],
    ['cake', 'cakes', false],
    ['cake', 'the (cake)!', true],
    ['cake', 'pancake and cake', true],
    ['cake', 'cake_', false],
    ['cake', 'écakeé', true],
    ['@room', 'hello @room', true],
    ['@room', 'hello@room', true],
    ['@room', '@rooms', false],
    ['c?ke', 'a cöke', true],
    ['cake*', 'cakes', true],
    ['*cake', 'pancake', true],
    ['', 'text', false],
    ['*', 'text', true],
  ])('%j and %j: %s', (pattern, text, expected) => {
    expect(compileGlob(pattern).matchesWords(text)).toBe(expected);
  });

  test('a literal has no wildcards', () => {
    expect(compileLiteral('*Al?').matchesWords('hello *al?')).toBe(true);
    expect(compileLiteral('*Al?').matchesWords('hello alan')).toBe(false);
  });
});

const WORD = /[A-Za-z0-9_]/;

function isBoundary(characters: readonly string[], at: number): boolean {
  const [before, after] = [characters[at - 1], characters[at]];
  return before === undefined || after === undefined || !WORD.test(before) || !WORD.test(after);
}

/** Tries everything, as the specification reads. */
function naive(pattern: readonly string[], text: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === '*') return text.some((_, at) => naive(rest, text.slice(at))) || naive(rest, []);
  return text.length > 0 && (first === '?' || first === text[0]) && naive(rest, text.slice(1));
}

function naiveWords(pattern: readonly string[], text: readonly string[]): boolean {
  for (let start = 0; start <= text.length; start++) {
    if (!isBoundary(text, start)) continue;
    for (let end = start; end <= text.length; end++) {
      if (isBoundary(text, end) && naive(pattern, text.slice(start, end))) return true;
    }
  }
  return false;
}

test('agrees with trying everything', () => {
  const pattern = fc.array(fc.constantFrom('a', 'b', '-', '😀', '*', '?'), { minLength: 1, maxLength: 7 });
  const text = fc.array(fc.constantFrom('a', 'b', '-', '😀'), { maxLength: 9 });
  fc.assert(
    fc.property(pattern, text, (parts, characters) => {
      const glob = compileGlob(parts.join(''));
      expect(glob.matchesWhole(characters.join(''))).toBe(naive(parts, characters));
      expect(glob.matchesWords(characters.join(''))).toBe(naiveWords(parts, characters));
    }),
    { numRuns: 2_000 },
  );
});

test('patterns longer than one machine word', () => {
  const fc31 = fc.integer({ min: 25, max: 100 });
  fc.assert(
    fc.property(fc31, fc.nat(99), (length, at) => {
      const text = Array.from({ length }, (_, index) => 'abc'[(index * index) % 3] ?? 'a').join('');
      const hole = at % length;
      const pattern = `${text.slice(0, hole)}?${text.slice(hole + 1)}`;
      expect(compileGlob(pattern).matchesWords(`- ${text} -`)).toBe(true);
      expect(compileGlob(`${text}x`).matchesWords(`- ${text} -`)).toBe(false);
      expect(compileLiteral(text).matchesWords(`x${text} ${text}`)).toBe(true);
    }),
  );
});
