import type { Timers } from '../../platform/timers.ts';

/** Events read or written before other requests get their turn. */
const ITEMS_PER_TURN = 500;

/** Lets whatever else waits have its turn: a long answer must not hold up the short ones. */
export function breathe(timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    timers.after(0, resolve);
  });
}

/** Does something with a long list, a part of it a turn; the results one after the other. */
export async function inTurns<Item, Result>(
  timers: Timers,
  items: readonly Item[],
  work: (part: readonly Item[]) => Promise<readonly Result[]>,
  itemsPerTurn = ITEMS_PER_TURN,
): Promise<readonly Result[]> {
  if (items.length <= itemsPerTurn) return work(items);
  const results: Result[] = [];
  for (let first = 0; first < items.length; first += itemsPerTurn) {
    if (first > 0) await breathe(timers);
    for (const result of await work(items.slice(first, first + itemsPerTurn))) results.push(result);
  }
  return results;
}
