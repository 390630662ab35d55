import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBase64, encodeUnpaddedBase64, encodeUrlSafeBase64 } from './unpadded-base64.ts';

test.each([
  ['', ''],
  ['f', 'Zg'],
  ['fo', 'Zm8'],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg'],
  ['fooba', 'Zm9vYmE'],
  ['foobar', 'Zm9vYmFy'],
])('the example %j of the specification becomes %j', (text, base64) => {
  expect(encodeUnpaddedBase64(Buffer.from(text))).toBe(base64);
  expect(decodeBase64(base64)).toEqual(Buffer.from(text));
});

test('reads either alphabet, padded or not', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const texts = [encodeUnpaddedBase64(bytes), encodeUrlSafeBase64(bytes), Buffer.from(bytes).toString('base64')];
      expect(texts.map(decodeBase64)).toEqual([Buffer.from(bytes), Buffer.from(bytes), Buffer.from(bytes)]);
      expect(texts.slice(0, 2).join('')).not.toContain('=');
    }),
  );
});

test.each(['a', 'ab*d', 'ab=d', 'Zg===', 'Z g', 'Zg\n', 'é'])('%j is no Base64', (text) => {
  expect(decodeBase64(text)).toBeUndefined();
});
