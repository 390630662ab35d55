import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareRanks, dueAfter, rankFor, stickyCursorAt } from './sticky-cursor.ts';

const position = fc.integer({ min: 1, max: 30 });

test('C5: dueAfter cuts a room exactly where the rank of its events passes the cursor', () => {
  fc.assert(
    fc.property(position, fc.uniqueArray(position, { maxLength: 20 }), position, (joined, dues, at) => {
      // A cursor stands either at a position or at the rank of some event.
      for (const passed of [stickyCursorAt(at).passed, ...dues.map((due) => rankFor(due, joined))]) {
        // No event becomes due at the very position of a join: each position is given once.
        for (const due of dues.filter((one) => one !== joined)) {
          expect(due > dueAfter(passed, joined)).toBe(compareRanks(rankFor(due, joined), passed) > 0);
        }
      }
    }),
  );
});

test('C6: a join brings every event of the room, whatever the token had passed', () => {
  const passed = stickyCursorAt(100).passed;
  expect(dueAfter(passed, 101)).toBe(0);
  expect(dueAfter(passed, 100)).toBe(100);
  expect(dueAfter(passed, 7)).toBe(100);
});
