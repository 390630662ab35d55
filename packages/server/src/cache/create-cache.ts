import { LRUCache } from 'lru-cache';

/**
 * A cache of at most `maxEntries`, from which the least recently used goes first. It takes memory as it fills: an
 * LRUCache that is given `max` takes the room for all its entries when it is made, which for the caches of a server
 * at rest is some 30 MB for nothing. One that counts sizes does not, and is as fast.
 */
export function createCache<Key extends NonNullable<unknown>, Value extends NonNullable<unknown>>(
  maxEntries: number,
): LRUCache<Key, Value> {
  return new LRUCache<Key, Value>({ maxSize: maxEntries, sizeCalculation: () => 1 });
}
