import { parseServerName } from '@limpet/protocol/identifiers';
import { expect, test } from 'vitest';
import { newUserId } from './new-user-id.ts';

const server = parseServerName('hs.example');

test.each([
  ['alice', '@alice:hs.example'],
  ['Alice', '@alice:hs.example'],
  ['a.b_c=d-e/f+1', '@a.b_c=d-e/f+1:hs.example'],
  ['7', '@7:hs.example'],
])('%j becomes %j', (name, userId) => {
  expect(newUserId(name, server)).toBe(userId);
});

test.each([
  ['', /empty/],
  ['@alice:hs.example', /alone/],
  ['alice:hs.example', /alone/],
  ['al ice', /letters a to z/],
  ['ålice', /letters a to z/],
  ['_bridge', /reserved/],
  ['a'.repeat(244), /too long/],
])('%j is refused', (name, message) => {
  expect(() => newUserId(name, server)).toThrow(message);
  expect(() => newUserId(name, server)).toThrow(expect.objectContaining({ errcode: 'M_INVALID_USERNAME' }));
});

test('the longest name just fits', () => {
  expect(newUserId('a'.repeat(243), server)).toHaveLength(255);
});
