import { expect, test } from 'vitest';
import { directoryWords, termWords } from './directory-words.ts';

const beginnings = (userId: string, name?: string) =>
  directoryWords(userId, name)
    .filter(({ isInner }) => !isInner)
    .map(({ word }) => word);

test('words begin after spaces and signs, without case and marks', () => {
  expect(beginnings('@john.smith:test', 'Zoë  O’Brien (she)')).toEqual([
    ...['john.smith', 'smith', 'zoe', 'o’brien', 'brien', '(she)', 'she)'],
  ]);
  expect(termWords(' ZOË  o’brien ')).toEqual(['zoe', 'o’brien']);
});

test('all other letters begin an inner word, once', () => {
  expect(directoryWords('@bab:test', 'Ab 山田')).toEqual([
    { word: 'bab', isInner: false },
    { word: 'ab', isInner: false },
    { word: 'b', isInner: true },
    { word: '山田', isInner: false },
    { word: '田', isInner: true },
  ]);
});

test('what does not end is cut', () => {
  const words = directoryWords(`@${'a'.repeat(200)}:test`, '\ufdfa'.repeat(200));
  expect(words.length).toBeLessThanOrEqual(128);
  for (const { word } of words) expect(word.isWellFormed()).toBe(true);
  expect(directoryWords('@a:test', `x${'🦪'.repeat(60)}`).every(({ word }) => word.isWellFormed())).toBe(true);
});
