import type { Log } from '../platform/log.ts';
import type { PublishedChange } from './change.ts';
import type { Stream, StreamVector } from './stream.ts';

/** Changes kept in memory. At some 200 bytes each this is about 4 MB, and minutes of a busy server. */
const MAX_TAIL_CHANGES = 20_000;
/** The tail is cut when it is this much too long, so that cutting costs next to nothing for each change. */
const TAIL_SLACK = 2_000;

/** The ordered stream, and the end of it that only the storage has: where the news goes in. */
export interface ChangeStream extends Stream {
  /** All of this writer up to `upTo` is committed; these are the changes among it, in order. */
  publish(writer: number, upTo: number, changes: readonly PublishedChange[]): void;
}

/** `start` is what was committed before this process; its changes stand in the tables alone. */
export function createChangeStream(start: StreamVector, log: Log, maxTailChanges = MAX_TAIL_CHANGES): ChangeStream {
  let vector: StreamVector = new Map(start);
  /** The tail has every change after this. */
  const floor = new Map(start);
  const newest = new Map<number, number>();
  let tail: PublishedChange[] = [];
  const followers = new Set<(changes: readonly PublishedChange[]) => void>();

  function append(changes: readonly PublishedChange[]): void {
    for (const change of changes) {
      tail.push(change);
      newest.set(change.writer, change.position);
    }
    if (tail.length < maxTailChanges + TAIL_SLACK) return;
    const kept = tail.length - maxTailChanges;
    for (const change of tail.slice(0, kept)) floor.set(change.writer, change.position);
    tail = tail.slice(kept);
  }

  return {
    current: () => vector,
    follow(follower) {
      followers.add(follower);
      return () => followers.delete(follower);
    },
    since(from) {
      for (const [writer, position] of floor) if ((from.get(writer) ?? 0) < position) return undefined;
      return changesAfter(from, tail, newest);
    },
    publish(writer, upTo, changes) {
      if (upTo < (vector.get(writer) ?? 0)) throw new Error(`Writer ${writer} went back to position ${upTo}`);
      vector = new Map(vector).set(writer, upTo);
      if (changes.length === 0) return;
      append(changes);
      for (const follower of followers) {
        try {
          follower(changes);
        } catch (error) {
          // The changes are committed whatever a follower makes of them: the others and the writers must go on.
          log.error('A follower of the stream failed', { error });
        }
      }
    },
  };
}

/** Reads backwards, so that who is nearly up to date costs next to nothing however long the tail is. */
function changesAfter(
  from: StreamVector,
  tail: readonly PublishedChange[],
  newest: ReadonlyMap<number, number>,
): PublishedChange[] {
  const behind = new Set<number>();
  for (const [writer, position] of newest) if (position > (from.get(writer) ?? 0)) behind.add(writer);
  const found: PublishedChange[] = [];
  for (let index = tail.length - 1; index >= 0 && behind.size > 0; index--) {
    const change = tail[index];
    if (change === undefined) break;
    if (change.position > (from.get(change.writer) ?? 0)) found.push(change);
    else behind.delete(change.writer);
  }
  return found.reverse();
}
