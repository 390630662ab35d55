/**
 * Counts what a user has not read, from what is in memory. Only the newest `MAX_COUNTED` notifying events of a room
 * count for everybody, and of those that notify one user apart from that, his newest `MAX_COUNTED`: so a mention is not
 * lost behind a thousand messages.
 */
import type { UnreadCount, UnreadCounts } from './unread-reader.ts';

/** See above. Clients show "99+" long before. */
export const MAX_COUNTED = 1_000;

/** An event that notifies everybody who has no exception. */
export interface CountedEvent {
  readonly roomIndex: number;
  readonly sender: string;
  /** '' for the main timeline. */
  readonly threadId: string;
  readonly highlights: boolean;
}

export interface UnreadState {
  readonly userId: string;
  /** The newest events of the room, oldest first. */
  readonly events: readonly CountedEvent[];
  readonly read: ReadIndexes;
  /** Events by room_index that notify this user otherwise than everybody, oldest first. */
  readonly alerts: ReadonlyMap<number, Pick<CountedEvent, 'threadId' | 'highlights'>>;
  /** Events that do not notify this user though they do others, oldest first. */
  readonly mutes: ReadonlySet<number>;
}

/** How far the user has read, as room_index: everything up to it. */
export interface ReadIndexes {
  /** Of the whole room: the unthreaded receipt, or where he joined. */
  readonly room: number;
  /** By thread, his threaded receipt or his own last event; '' for the main timeline. */
  readonly threads: ReadonlyMap<string, number>;
}

export function countUnread(state: UnreadState): UnreadCounts {
  const { userId, events, alerts, mutes, read } = state;
  const tally = new Tally(read);
  // Where there may be more exceptions than are known, what is older than the known ones is out of sight.
  const floor = Math.max(read.room, oldestWhenFull(alerts.keys(), alerts.size), oldestWhenFull(mutes, mutes.size));
  const hasExceptions = alerts.size + mutes.size > 0;
  const first = Math.max(0, events.length - MAX_COUNTED);
  for (let at = events.length - 1; at >= first; at--) {
    const event = events[at];
    if (event === undefined || event.roomIndex <= read.room || event.roomIndex < floor) break;
    if (event.sender === userId || (hasExceptions && (alerts.has(event.roomIndex) || mutes.has(event.roomIndex)))) {
      continue;
    }
    tally.add(event.roomIndex, event);
  }
  for (const [roomIndex, alert] of alerts) if (roomIndex > read.room) tally.add(roomIndex, alert);
  return tally.counts();
}

function oldestWhenFull(roomIndexes: Iterable<number>, size: number): number {
  if (size < MAX_COUNTED) return 0;
  for (const oldest of roomIndexes) return oldest;
  return 0;
}

class Tally {
  readonly #read: ReadIndexes;
  readonly #mainReadIndex: number;
  readonly #main = { notifications: 0, highlights: 0 };
  readonly #threads = new Map<string, { notifications: number; highlights: number }>();

  constructor(read: ReadIndexes) {
    this.#read = read;
    this.#mainReadIndex = read.threads.get('') ?? 0;
  }

  add(roomIndex: number, { threadId, highlights }: Pick<CountedEvent, 'threadId' | 'highlights'>): void {
    const isMain = threadId === '';
    if (roomIndex <= (isMain ? this.#mainReadIndex : (this.#read.threads.get(threadId) ?? 0))) return;
    const count = isMain ? this.#main : this.#thread(threadId);
    count.notifications++;
    if (highlights) count.highlights++;
  }

  counts(): UnreadCounts {
    const all = { ...this.#main };
    for (const { notifications, highlights } of this.#threads.values()) {
      all.notifications += notifications;
      all.highlights += highlights;
    }
    const threads = Object.fromEntries(this.#threads) as Record<string, UnreadCount>;
    return { all, main: this.#main, threads };
  }

  #thread(threadId: string): { notifications: number; highlights: number } {
    let count = this.#threads.get(threadId);
    if (count === undefined) {
      count = { notifications: 0, highlights: 0 };
      this.#threads.set(threadId, count);
    }
    return count;
  }
}
