import fc from 'fast-check';
import { expect, test } from 'vitest';
import { roomWord, wordsIn } from './words-in.ts';

test('takes letters and digits, without case and accents', () => {
  expect(wordsIn('Hello, WORLD! It’s 42°—Crème brûlée')).toEqual([
    ...['hello', 'world', 'it', 's', '42', 'creme', 'brulee'],
  ]);
  expect(wordsIn('ＦＵＬＬ ﬁsh Straße İstanbul')).toEqual(['full', 'fish', 'straße', 'istanbul']);
  expect(wordsIn('привет, Ёж हिन्दी')).toEqual(['привет', 'еж', 'हिन्दी']);
});

test('takes each character of a writing without spaces', () => {
  expect(wordsIn('海の家 sea 2')).toEqual(['海', 'の', '家', 'sea', '2']);
});

test('finds nothing in what has no words, and no room in what a user wrote', () => {
  expect(wordsIn('"*" OR NEAR(')).toEqual(['or', 'near']);
  expect(wordsIn('🦪 --; \u0000 \ud800 ⺀')).toEqual([]);
  expect(wordsIn(`${roomWord(5)} x`)).toEqual(['x']);
});

test('whatever the text, words are letters and digits of a bounded length', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      for (const word of wordsIn(text)) expect(word).toMatch(/^[\p{L}\p{N}\p{M}]{1,64}$/u);
    }),
  );
  expect(wordsIn('x'.repeat(50_000))).toEqual(['x'.repeat(64)]);
});
