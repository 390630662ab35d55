import { expect, test } from 'vitest';
import { isBetterKey, type KeyRank } from './is-better-key.ts';

function rank(isVerified: boolean, firstMessageIndex: number, forwardedCount: number): KeyRank {
  return { isVerified, firstMessageIndex, forwardedCount };
}

test('verified comes first, then what reads more, then what was passed on less', () => {
  const bestFirst = [
    rank(true, 0, 0),
    rank(true, 0, 5),
    rank(true, 9, 0),
    rank(false, 0, 0),
    rank(false, 0, 1),
    rank(false, 1, 0),
  ];
  for (const [place, key] of bestFirst.entries()) {
    for (const [other, known] of bestFirst.entries()) expect(isBetterKey(key, known)).toBe(place < other);
  }
});
