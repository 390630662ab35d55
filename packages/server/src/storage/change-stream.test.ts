import { describe, expect, test } from 'vitest';
import { silentLog } from '../../tests/support/silent-log.ts';
import type { Log } from '../platform/log.ts';
import type { PublishedChange } from './change.ts';
import { createChangeStream } from './change-stream.ts';

function change(position: number, writer = 1): PublishedChange {
  return { kind: 'typing', roomId: '!r', writer, position };
}

const positions = (changes: readonly PublishedChange[] | undefined) => changes?.map((one) => one.position);

describe('the tail', () => {
  test('gives what came after a vector, and nothing for a vector that has all', () => {
    const stream = createChangeStream(new Map([[1, 10]]), silentLog);
    stream.publish(1, 12, [change(11), change(12)]);
    stream.publish(1, 15, [change(14)]);
    expect(positions(stream.since(new Map([[1, 10]])))).toEqual([11, 12, 14]);
    expect(positions(stream.since(new Map([[1, 12]])))).toEqual([14]);
    expect(positions(stream.since(new Map([[1, 13]])))).toEqual([14]);
    expect(positions(stream.since(new Map([[1, 15]])))).toEqual([]);
    expect(stream.current()).toEqual(new Map([[1, 15]]));
  });

  test('does not reach back before the start, nor to a writer that is not in the vector', () => {
    const stream = createChangeStream(new Map([[1, 10]]), silentLog);
    expect(stream.since(new Map([[1, 9]]))).toBeUndefined();
    expect(stream.since(new Map())).toBeUndefined();
    expect(stream.since(new Map([[1, 10]]))).toEqual([]);
  });

  test('forgets the oldest beyond its limit, and then says that it does not reach back so far', () => {
    const stream = createChangeStream(new Map([[1, 0]]), silentLog, 100);
    for (let position = 1; position <= 2_100; position++) stream.publish(1, position, [change(position)]);
    expect(stream.since(new Map([[1, 1_999]]))).toBeUndefined();
    expect(stream.since(new Map([[1, 2_000]]))).toHaveLength(100);
  });

  test('several writers: each by its own position, in the order of publication', () => {
    const stream = createChangeStream(
      new Map([
        [1, 0],
        [2, 0],
      ]),
      silentLog,
    );
    stream.publish(1, 1, [change(1, 1)]);
    stream.publish(2, 1, [change(1, 2)]);
    stream.publish(1, 2, [change(2, 1)]);
    stream.publish(2, 7, [change(7, 2)]);
    const seen = stream.since(
      new Map([
        [1, 2],
        [2, 0],
      ]),
    );
    expect(seen).toEqual([change(1, 2), change(7, 2)]);
    expect(stream.since(new Map([[1, 0]]))).toEqual([change(1, 1), change(1, 2), change(2, 1), change(7, 2)]);
  });
});

describe('publication', () => {
  test('a position without a change moves the vector and calls nobody', () => {
    const stream = createChangeStream(new Map([[1, 0]]), silentLog);
    let calls = 0;
    stream.follow(() => {
      calls++;
    });
    stream.publish(1, 3, []);
    expect(stream.current()).toEqual(new Map([[1, 3]]));
    expect(calls).toBe(0);
  });

  test('a vector once handed out does not change', () => {
    const stream = createChangeStream(new Map([[1, 0]]), silentLog);
    const before = stream.current();
    stream.publish(1, 1, [change(1)]);
    expect(before).toEqual(new Map([[1, 0]]));
  });

  test('positions never go back', () => {
    const stream = createChangeStream(new Map([[1, 5]]), silentLog);
    expect(() => stream.publish(1, 4, [])).toThrow('went back');
  });

  test('a follower that fails is logged, and the others hear the news', () => {
    const errors: string[] = [];
    const log: Log = { ...silentLog, error: (message) => errors.push(message) };
    const stream = createChangeStream(new Map([[1, 0]]), log);
    const seen: number[] = [];
    stream.follow(() => {
      throw new Error('a bug');
    });
    stream.follow((changes) => seen.push(...changes.map((one) => one.position)));
    stream.publish(1, 1, [change(1)]);
    expect(seen).toEqual([1]);
    expect(errors).toEqual(['A follower of the stream failed']);
  });
});
