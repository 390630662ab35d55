import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WriteGroup } from '../write-group.ts';
import { groupFromText, groupToText } from './group-text.ts';

const value = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.maxSafeInteger(),
  fc.constant(null),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
);
const group: fc.Arbitrary<WriteGroup> = fc.record({
  number: fc.nat(),
  position: fc.maxSafeNat(),
  batches: fc.array(
    fc.record({
      lane: fc.option(fc.string(), { nil: undefined }),
      steps: fc.array(
        fc.record({
          kind: fc.constantFrom('run', 'fetch', 'expect'),
          statement: fc.nat(),
          parameters: fc.array(value),
          expectation: fc.string(),
        }),
      ),
    }),
  ),
});

test('a group comes out of its text as it went in', () => {
  fc.assert(
    fc.property(group, (before) => {
      expect(groupFromText(groupToText(before))).toEqual(before);
    }),
  );
});

test('bytes that are a part of others cross as themselves', () => {
  const parameters = [new Uint8Array([0, 1, 2, 3, 4]).subarray(1, 3), '["a list"]'];
  const before: WriteGroup = {
    ...{ number: 1, position: 2 },
    batches: [{ lane: '!r', steps: [{ kind: 'expect', statement: 3, parameters, expectation: 'it is there' }] }],
  };
  const [batch] = groupFromText(groupToText(before)).batches;
  expect(batch?.steps[0]?.parameters).toEqual([Buffer.from([1, 2]), '["a list"]']);
});
