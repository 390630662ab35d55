import { LRUCache } from 'lru-cache';
import type { StreamVector } from '../../storage/stream.ts';
import type { SyncRange } from './sync-range.ts';

/** Members that were told and are remembered, over all clients and rooms. A forgotten one is told again. */
const MAX_TOLD_MEMBERS = 500_000;
/** The same for one room of one client. */
const MAX_TOLD_MEMBERS_OF_ROOM = 5_000;

/** What one client was told of one room. */
interface Told {
  /** By user: how far the answer went that told the member. A client that comes back from there has it for certain. */
  readonly members: Map<string, number>;
  /** How far the last of these answers went. */
  last: number;
}

/** Which members clients were told of, where members are told as they are needed. Keys name a client and a room. */
export class ToldMembers {
  readonly #told = new LRUCache<string, Told>({
    maxSize: MAX_TOLD_MEMBERS,
    sizeCalculation: ({ members }) => members.size + 1,
  });

  /** Whether a client that comes with this vector was told of the member. */
  has(key: string, userId: string, since: StreamVector | undefined): boolean {
    return (this.#told.get(key)?.members.get(userId) ?? Number.POSITIVE_INFINITY) <= reachOf(since);
  }

  /** What the client has of them may be out of date from now on: they are told again. */
  forget(key: string): void {
    this.#told.delete(key);
  }

  /** An answer of this range tells these; with `isAnew` the client keeps nothing of what it was told before. */
  tell(key: string, userIds: readonly string[], { range, isAnew }: { range: SyncRange; isAnew: boolean }): void {
    const known = isAnew ? undefined : this.#told.get(key);
    if (known === undefined && !isAnew && userIds.length === 0) return;
    const told: Told = known ?? { members: new Map(), last: 0 };
    const { members } = told;
    const confirmed = reachOf(range.since);
    // The client comes back from before what it was given last: that was lost, and may not be told again by this.
    if (told.last > confirmed) for (const [userId, reach] of members) if (reach > confirmed) members.delete(userId);
    told.last = reachOf(range.upTo);
    for (const userId of userIds) if (!members.has(userId)) members.set(userId, told.last);
    if (members.size > MAX_TOLD_MEMBERS_OF_ROOM) members.clear();
    this.#told.set(key, told);
  }
}

/** How far along a vector is. It only grows along a chain of tokens. */
function reachOf(vector: StreamVector | undefined): number {
  let reach = 0;
  for (const position of vector?.values() ?? []) reach += position;
  return reach;
}
