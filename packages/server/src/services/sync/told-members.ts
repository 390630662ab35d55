import { LRUCache } from 'lru-cache';
import type { StreamVector } from '../../storage/stream.ts';
import type { SyncRange } from './sync-range.ts';

/** Members that were told and are remembered, over all clients and rooms. A forgotten one is told again. */
const MAX_TOLD_MEMBERS = 500_000;
/** The same for one room of one client. */
const MAX_TOLD_MEMBERS_OF_ROOM = 5_000;

/** By user: how far the answer went that told the member. A client that comes back from there has it for certain. */
type Told = Map<string, number>;

/** Which members clients were told of, where members are told as they are needed. Keys name a client and a room. */
export class ToldMembers {
  readonly #told = new LRUCache<string, Told>({
    maxSize: MAX_TOLD_MEMBERS,
    sizeCalculation: (told) => told.size + 1,
  });

  /** Whether a client that comes with this vector was told of the member. */
  has(key: string, userId: string, since: StreamVector | undefined): boolean {
    return (this.#told.get(key)?.get(userId) ?? Number.POSITIVE_INFINITY) <= reachOf(since);
  }

  /** An answer of this range tells these; with `isAnew` the client keeps nothing of what it was told before. */
  tell(key: string, userIds: readonly string[], { range, isAnew }: { range: SyncRange; isAnew: boolean }): void {
    if (!isAnew && userIds.length === 0) return;
    const told: Told = (isAnew ? undefined : this.#told.get(key)) ?? new Map();
    const reach = reachOf(range.upTo);
    const confirmed = reachOf(range.since);
    for (const userId of userIds) if ((told.get(userId) ?? reach) > confirmed) told.set(userId, reach);
    if (told.size > MAX_TOLD_MEMBERS_OF_ROOM) told.clear();
    this.#told.set(key, told);
  }
}

/** How far along a vector is. It only grows along a chain of tokens. */
function reachOf(vector: StreamVector | undefined): number {
  let reach = 0;
  for (const position of vector?.values() ?? []) reach += position;
  return reach;
}
