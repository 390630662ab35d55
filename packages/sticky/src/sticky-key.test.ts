import { expect, test } from 'vitest';
import { isStickyRemoval, stickyKeyOf, stickyKeyText } from './sticky-key.ts';

test('F1: the key is read under both names, and may be empty', () => {
  expect(stickyKeyOf({ type: 'm.rtc.member', content: { sticky_key: 'a' } })).toBe('a');
  expect(stickyKeyOf({ type: 'm.rtc.member', content: { msc4354_sticky_key: 'a' } })).toBe('a');
  expect(stickyKeyOf({ type: 'm.rtc.member', content: { sticky_key: '' } })).toBe('');
  expect(stickyKeyOf({ type: 'm.rtc.member', content: { sticky_key: 'a', msc4354_sticky_key: 'b' } })).toBe('a');
});

test('F1: an event without a string for a key is not in the map', () => {
  expect(stickyKeyOf({ type: 'm.rtc.member', content: {} })).toBeUndefined();
  expect(stickyKeyOf({ type: 'm.rtc.member', content: { sticky_key: 7 } })).toBeUndefined();
  expect(stickyKeyOf({ type: 'm.rtc.member' })).toBeUndefined();
  expect(stickyKeyOf(null)).toBeUndefined();
});

test('F1: a key in clear beside a ciphertext is not believed', () => {
  expect(stickyKeyOf({ type: 'm.room.encrypted', content: { sticky_key: 'a' } })).toBeUndefined();
});

test('F1: no two keys share a text', () => {
  const parts = ['a', '', 'a"', '","', '\0', 'a\0b', '\ud800', '\ud801'];
  const texts = new Set<string>();
  for (const sender of parts) {
    for (const type of parts) {
      for (const stickyKey of parts) texts.add(stickyKeyText({ roomId: '!r', sender, type, stickyKey }));
    }
  }
  expect(texts.size).toBe(parts.length ** 3);
});

test('F4: only the key, under either name or both, is a removal', () => {
  expect(isStickyRemoval({ sticky_key: 'a' })).toBe(true);
  expect(isStickyRemoval({ msc4354_sticky_key: 'a' })).toBe(true);
  expect(isStickyRemoval({ sticky_key: 'a', msc4354_sticky_key: 'a' })).toBe(true);
  expect(isStickyRemoval({ sticky_key: 'a', leave_reason: 'lost' })).toBe(false);
  expect(isStickyRemoval({ sticky_key: 'a', nothing: null })).toBe(false);
});
