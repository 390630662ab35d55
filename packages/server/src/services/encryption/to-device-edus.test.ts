import { utf8Length } from '@limpet/protocol/identifiers';
import { expect, test } from 'vitest';
import { toDeviceEdus } from './to-device-edus.ts';

const SENDER = '@alice:a.test';

function edusOf(messages: [string, Record<string, { text: string }>][]) {
  let count = 0;
  const newMessageId = () => `message${++count}`;
  return toDeviceEdus({ sender: SENDER, type: 'm.test', messages }, newMessageId);
}

test('what fits into one EDU goes in one, by user and device', () => {
  const edus = edusOf([
    ['@bob:b.test', { A: { text: 'a' }, '*': { text: 'all' } }],
    ['@carol:b.test', { B: { text: 'b' } }],
    ['@dan:b.test', {}],
  ]);
  expect(edus.map((edu) => JSON.parse(edu))).toEqual([
    {
      sender: SENDER,
      type: 'm.test',
      message_id: 'message1',
      messages: {
        '@bob:b.test': { A: { text: 'a' }, '*': { text: 'all' } },
        '@carol:b.test': { B: { text: 'b' } },
      },
    },
  ]);
  expect(edusOf([])).toEqual([]);
});

test('none is longer than 64 KiB, each has its own ID, and nothing is lost', () => {
  const devices = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`DEVICE${n}`, { text: '"ä'.repeat(n * 300) }]),
  );
  const edus = edusOf([
    ['@bob:b.test', devices],
    ['@carol:b.test', devices],
  ]);
  expect(edus.length).toBeGreaterThan(30);
  const texts = new Map<string, string>();
  const ids = new Set<string>();
  for (const edu of edus) {
    expect(utf8Length(edu)).toBeLessThanOrEqual(65_000);
    const { message_id: messageId, messages } = JSON.parse(edu);
    ids.add(messageId);
    for (const [userId, contents] of Object.entries<Record<string, { text: string }>>(messages)) {
      for (const [deviceId, { text }] of Object.entries(contents)) texts.set(`${userId} ${deviceId}`, text);
    }
  }
  expect(ids.size).toBe(edus.length);
  expect(texts.size).toBe(80);
  expect(texts.get('@carol:b.test DEVICE39')).toBe(devices.DEVICE39?.text);
});
