import type { JsonObject } from '@limpet/protocol/json';
import { expect, test } from 'vitest';
import { checkServerAcl } from './server-acl.ts';

function isAllowed(content: JsonObject | undefined, serverName: string): boolean {
  return checkServerAcl(content, serverName).allowed;
}

test('a room without a list lets everybody in, one with an empty list nobody', () => {
  expect(isAllowed(undefined, 'evil.example')).toBe(true);
  expect(isAllowed({}, 'good.example')).toBe(false);
  expect(isAllowed({ allow: '*' }, 'good.example')).toBe(false);
  expect(isAllowed({ allow: [1, null, '*'] }, 'good.example')).toBe(true);
});

test.each([
  ['evil.example', false],
  ['EVIL.example', false],
  ['evil.example:8448', false],
  ['a.evil.example', true],
  ['a.b.bad.example', false],
  ['bad.example', true],
  ['e1.example', false],
  ['e12.example', true],
  ['good.example', true],
])('deny goes before allow: %s', (serverName, allowed) => {
  expect(isAllowed({ allow: ['*'], deny: ['evil.example', '*.bad.example', 'e?.example'] }, serverName)).toBe(allowed);
});

test.each([
  ['1.2.3.4', false],
  ['1.2.3.4:8448', false],
  ['[::1]', false],
  ['[2001:db8::1]:8448', false],
  ['1.2.3.4.example', true],
])('IP literals may be shut out: %s', (serverName, allowed) => {
  expect(isAllowed({ allow: ['*'], allow_ip_literals: false }, serverName)).toBe(allowed);
  expect(isAllowed({ allow: ['*'], allow_ip_literals: 'no' }, serverName)).toBe(true);
});

test.each([
  ['*', '', true],
  ['', '', true],
  ['?', '', false],
  ['**a', 'bca', true],
  ['a*b*c', 'aXbXbXc', true],
  ['a*b*c', 'aXbXbX', false],
  ['*aab', 'aaaaab', true],
  ['a.c', 'abc', false],
])('%j takes %j: %s', (pattern, text, expected) => {
  expect(isAllowed({ allow: [pattern] }, text)).toBe(expected);
});

test('H3: patterns made to cost time do not', () => {
  const deny = Array.from({ length: 100 }, () => `${'*a'.repeat(250)}b`);
  expect(isAllowed({ allow: ['*'], deny }, 'a'.repeat(255))).toBe(true);
  expect(isAllowed({ allow: ['*'.repeat(513)] }, 'a')).toBe(false);
});
