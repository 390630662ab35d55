import { compareCodePoints } from '@limpet/protocol/canonical-json';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeText, unescapeText } from './postgres-text.ts';

const troublesome = fc.string({ unit: fc.constantFrom('\u0000', '\u0001', '\u0002', '0', '1', '2', 'a', '😀') });

test('every text comes back, and none has a NUL', () => {
  fc.assert(
    fc.property(troublesome, (text) => {
      expect(unescapeText(escapeText(text))).toBe(text);
      expect(escapeText(text)).not.toContain('\u0000');
    }),
  );
});

test('the order of texts stays what it was', () => {
  fc.assert(
    fc.property(troublesome, troublesome, (left, right) => {
      const before = Math.sign(compareCodePoints(left, right));
      expect(Math.sign(compareCodePoints(escapeText(left), escapeText(right)))).toBe(before);
    }),
  );
});
