import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DueQueue, type Queued } from './due-queue.ts';

interface Item extends Queued {
  readonly name: number;
}

test('whatever is put in, moved and taken out: the first is due first', () => {
  const step = fc.record({ name: fc.nat(15), dueMs: fc.nat(50), isRemoved: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const queue = new DueQueue<Item>();
      const items = Array.from({ length: 16 }, (_, name): Item => ({ name, queueMs: 0, queueIndex: -1 }));
      const expected = new Map<number, number>();
      for (const { name, dueMs, isRemoved } of steps) {
        const item = items[name];
        if (item === undefined) continue;
        if (isRemoved) queue.remove(item);
        else queue.put(item, dueMs);
        if (isRemoved) expected.delete(name);
        else expected.set(name, dueMs);
        expect(queue.first?.queueMs).toBe(expected.size === 0 ? undefined : Math.min(...expected.values()));
      }
      const order: number[] = [];
      for (let first = queue.first; first !== undefined; first = queue.first) {
        order.push(first.queueMs);
        queue.remove(first);
      }
      expect(order).toEqual([...expected.values()].sort((left, right) => left - right));
    }),
  );
});
