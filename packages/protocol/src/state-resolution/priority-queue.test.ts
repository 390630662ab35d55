import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PriorityQueue } from './priority-queue.ts';

test('whatever is pushed and popped in between, the least of what is in it comes out', () => {
  const action = fc.option(fc.nat(50), { nil: 'pop' as const, freq: 3 });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const queue = new PriorityQueue<number>((left, right) => left - right);
      const inside: number[] = [];
      for (const one of [...actions, ...actions.map(() => 'pop' as const)]) {
        if (one === 'pop') {
          expect(queue.pop()).toBe(inside.sort((left, right) => left - right).shift());
        } else {
          queue.push(one);
          inside.push(one);
        }
      }
    }),
  );
});

test('it takes and gives ten thousand items with few comparisons for each', () => {
  let comparisons = 0;
  const queue = new PriorityQueue<number>((left, right) => {
    comparisons += 1;
    return left - right;
  });
  const count = 10_000;
  for (let index = 0; index < count; index += 1) queue.push((index * 7919) % count);
  for (let index = 0; index < count; index += 1) expect(queue.pop()).toBe(index);
  expect(queue.pop()).toBeUndefined();
  expect(comparisons).toBeLessThan(count * 40);
});
