import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileLiteral } from './compile-glob.ts';
import { NameIndex } from './name-index.ts';

test('finds whom the rules would find, in one pass', () => {
  const piece = fc.constantFrom('al', 'bo', ' ', '-', 'é', '😀', 'A');
  const name = fc.array(piece, { maxLength: 4 }).map((parts) => parts.join(''));
  const text = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('').toLowerCase());
  fc.assert(
    fc.property(fc.array(name, { maxLength: 8 }), text, (names, body) => {
      const index = new NameIndex();
      names.forEach((displayName, at) => {
        index.set(`@user${at}:test`, displayName);
      });
      const expected = names.flatMap((displayName, at) =>
        displayName !== '' && compileLiteral(displayName).matchesWords(body) ? [`@user${at}:test`] : [],
      );
      expect([...index.usersNamedIn(body)].sort()).toEqual(expected.sort());
    }),
    { numRuns: 1_000 },
  );
});

test('a name changes, is shared, and goes', () => {
  const index = new NameIndex();
  index.set('@a:test', 'Big Al');
  index.set('@b:test', 'big al');
  index.set('@a:test', 'Small Al');
  expect(index.displayNameOf('@a:test')).toBe('Small Al');
  expect([...index.usersNamedIn('hello big al')]).toEqual(['@b:test']);
  expect([...index.usersNamedIn('hello a and b')]).toEqual(['@a:test', '@b:test']);
  index.delete('@b:test');
  expect([...index.usersNamedIn('big al, small al, b')]).toEqual(['@a:test']);
  expect(index.size).toBe(1);
});
