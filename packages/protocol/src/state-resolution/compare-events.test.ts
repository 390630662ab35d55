import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareByTimeAndId, compareCodePoints } from './compare-events.ts';
import { readStoryEvent, roomVersion } from './tests/story.ts';

test('the earlier time goes first, then the lesser event ID', () => {
  const sketch = { sender: '@alice', type: 'm.room.topic', key: '', content: {}, auth: [] };
  const event = (id: string, time: number) => readStoryEvent({ ...sketch, id, time }, 0, roomVersion('11'));
  const sorted = [event('b', 2), event('z', 1), event('a', 2)].sort(compareByTimeAndId);
  expect(sorted.map(({ eventId }) => eventId[1])).toEqual(['z', 'a', 'b']);
  expect(compareByTimeAndId(event('a', 1), event('a', 1))).toBe(0);
});

test('text is compared as UTF-8 bytes would be', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '𝄞'),
    maxLength: 4,
  });
  fc.assert(
    fc.property(text, text, (left, right) => {
      const expected = Buffer.compare(Buffer.from(left), Buffer.from(right));
      expect(Math.sign(compareCodePoints(left, right))).toBe(expected);
    }),
  );
  expect(compareCodePoints('\uffff', '😀')).toBeLessThan(0);
});
