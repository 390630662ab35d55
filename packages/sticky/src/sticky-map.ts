import {
  formatSavedStickyMap,
  parseSavedStickyMap,
  type SavedStickyMap,
  type StickyClocks,
} from './saved-sticky-map.ts';
import { isStickyRemoval, type StickyKey, stickyKeyText } from './sticky-key.ts';
import { winningStickyEvent } from './sticky-order.ts';
import {
  joinStickyRecords,
  observeStickyEvent,
  REMEMBERED_FOR_MS,
  redactedStickyRecord,
  type StickyReceipt,
  type StickyRecord,
  type StickyWrite,
  stickyEndMs,
} from './sticky-record.ts';

/** A value of the map. Shared with the map: not to be changed. */
export interface StickyEntry extends StickyWrite {
  /** The first instant, on the monotonic clock, at which this event no longer holds the key. */
  readonly endMs: number;
}

/** That the value of a key became another event, appeared (no `before`) or went (no `after`). */
export interface StickyChange {
  readonly key: StickyKey;
  readonly before: StickyEntry | undefined;
  readonly after: StickyEntry | undefined;
}

/** Which entries to read; what is left out does not restrict. */
export interface StickyFilter {
  readonly roomId?: string;
  readonly sender?: string;
  readonly type?: string;
  /**
   * The application's own rule, such as the sender's power level (F6). It is asked about the winner of each key and
   * only on reading: an unauthorised write is kept, and hides what it wins over, so that all clients agree.
   */
  readonly accept?: (entry: StickyEntry) => boolean;
}

/**
 * The ephemeral map of MSC4354: the sticky events of any number of rooms, by room, sender, type and sticky key (F1).
 *
 * The map reads no clock: every instant is a number of milliseconds on one monotonic clock of the caller's. What `get`
 * and `entries` answer depends on the events fed so far and the instant asked about, and on nothing else (F3): not on
 * the order, the batches or the repetition in which they came.
 */
export class StickyMap {
  readonly #records = new Map<string, StickyRecord>();
  /** The unredacted records that write to each key, by key and then by event. */
  readonly #writers = new Map<string, Map<string, StickyRecord>>();
  /** What the listeners have been told. */
  readonly #shown = new Map<string, StickyEntry>();
  readonly #listeners = new Set<(changes: readonly StickyChange[]) => void>();
  #presentMs = -Infinity;
  /** No winner ends before this; an early value costs a useless look, never a missed one. */
  #nextEndMs = Infinity;

  /** The map that `save` wrote, on the clocks of today. Throws an Error where `saved` is not such a map. */
  static load(saved: unknown, clocks: StickyClocks): StickyMap {
    requireInstant(clocks.wallMs, 'time on the wall clock');
    const map = new StickyMap();
    map.#learn(parseSavedStickyMap(saved, clocks), clocks.nowMs);
    return map;
  }

  /**
   * Takes in events of one room as the server sent them, from the timeline and the sticky section alike; what is not
   * sticky is passed over. An encrypted event is fed as it is, and again with its decrypted `type` and `content` in
   * place, each time with the receipt of the response that brought it. Answers what this changed.
   */
  add(roomId: string, events: Iterable<unknown>, receipt: StickyReceipt): readonly StickyChange[] {
    requireInstant(receipt.receivedWallMs ?? 0, 'time on the wall clock');
    const records: StickyRecord[] = [];
    for (const event of events) {
      const record = observeStickyEvent(roomId, event, receipt);
      if (record !== undefined) records.push(record);
    }
    return this.#learn(records, receipt.receivedMs);
  }

  /**
   * Takes out the event that a redaction names (F5), also when the event comes only later. Which property of an
   * `m.room.redaction` names it depends on the room version, so that is left to the caller.
   */
  redact(roomId: string, eventId: string, nowMs: number): readonly StickyChange[] {
    return this.#learn([redactedStickyRecord(roomId, eventId, nowMs)], nowMs);
  }

  /** Forgets everything about a room, for one that the user has left: rejoining brings all that is sticky again. */
  removeRoom(roomId: string): readonly StickyChange[] {
    const touched = new Set<string>();
    for (const [id, record] of this.#records) {
      if (record.roomId === roomId) this.#forget(id, record, touched);
    }
    return this.#report(touched);
  }

  /** Lets time pass up to `nowMs`, and answers which values that changed. To be called at `nextChangeAt()`. */
  advance(nowMs: number): readonly StickyChange[] {
    return this.#learn([], nowMs);
  }

  /**
   * The first instant after the latest one the map was told of at which time alone may change a value: the one timer
   * that an application needs. `undefined` while nothing is left that can expire.
   */
  nextChangeAt(): number | undefined {
    let nextMs = Infinity;
    for (const text of this.#writers.keys()) nextMs = Math.min(nextMs, this.#endMsOf(text));
    return nextMs < Infinity ? nextMs : undefined;
  }

  /** Calls `listener` with whatever changes from now on. Answers how to stop that. */
  subscribe(listener: (changes: readonly StickyChange[]) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** The value of a key at `nowMs`; `undefined` where there is none, or it has been removed. */
  get(key: StickyKey, nowMs: number): StickyEntry | undefined {
    return this.#valueOf(stickyKeyText(key), nowMs);
  }

  /** The values at `nowMs`, in the order of their keys. */
  entries(nowMs: number, filter: StickyFilter = {}): StickyEntry[] {
    const entries = new Map<string, StickyEntry>();
    for (const text of this.#writers.keys()) {
      const entry = this.#valueOf(text, nowMs);
      if (entry !== undefined && passes(entry, filter)) entries.set(text, entry);
    }
    return [...entries].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, entry]) => entry);
  }

  /**
   * The map as JSON, without what has expired (F8). Belongs into one transaction with the sync token: what a token has
   * passed is not sent again.
   */
  save(clocks: StickyClocks): SavedStickyMap {
    requireInstant(clocks.nowMs, 'instant on the monotonic clock');
    requireInstant(clocks.wallMs, 'time on the wall clock');
    return formatSavedStickyMap(this.#records.values(), clocks);
  }

  #learn(records: Iterable<StickyRecord>, nowMs: number): readonly StickyChange[] {
    requireInstant(nowMs, 'instant on the monotonic clock');
    this.#presentMs = Math.max(this.#presentMs, nowMs);
    const touched = new Set<string>();
    for (const record of records) {
      const id = JSON.stringify([record.roomId, record.eventId]);
      const known = this.#records.get(id);
      if (known !== undefined) this.#forget(id, known, touched);
      this.#remember(id, known === undefined ? record : joinStickyRecords(known, record), touched);
    }
    this.#forgetOld(touched);
    return this.#report(touched);
  }

  #remember(id: string, record: StickyRecord, touched: Set<string>): void {
    this.#records.set(id, record);
    if (record.write === undefined) return;
    const text = stickyKeyText(record.write);
    const writers = this.#writers.get(text) ?? new Map<string, StickyRecord>();
    this.#writers.set(text, writers.set(id, record));
    touched.add(text);
  }

  #forget(id: string, record: StickyRecord, touched: Set<string>): void {
    this.#records.delete(id);
    if (record.write === undefined) return;
    const text = stickyKeyText(record.write);
    const writers = this.#writers.get(text);
    writers?.delete(id);
    if (writers?.size === 0) this.#writers.delete(text);
    touched.add(text);
  }

  /** Records stand in the order in which they were last heard of, so the old ones are in front. */
  #forgetOld(touched: Set<string>): void {
    for (const [id, record] of this.#records) {
      if (record.seenMs + REMEMBERED_FOR_MS > this.#presentMs) return;
      this.#forget(id, record, touched);
    }
  }

  /** Brings what is shown up to the present: the touched keys, and all of them when a winner has ended. */
  #report(touched: Set<string>): readonly StickyChange[] {
    let texts: Iterable<string> = touched;
    if (this.#nextEndMs <= this.#presentMs) {
      texts = new Set([...touched, ...this.#shown.keys(), ...this.#writers.keys()]);
      this.#nextEndMs = Infinity;
    }
    const changes: StickyChange[] = [];
    for (const text of texts) {
      const before = this.#shown.get(text);
      const after = this.#valueOf(text, this.#presentMs);
      this.#nextEndMs = Math.min(this.#nextEndMs, this.#endMsOf(text));
      if (after !== undefined) this.#shown.set(text, after);
      else this.#shown.delete(text);
      const entry = after ?? before;
      if (entry !== undefined && before?.eventId !== after?.eventId) changes.push({ key: keyOf(entry), before, after });
    }
    if (changes.length > 0) for (const listener of [...this.#listeners]) listener(changes);
    return changes;
  }

  /** The winner, unless it is a removal (F4). */
  #valueOf(text: string, nowMs: number): StickyEntry | undefined {
    const winner = this.#winnerOf(text, nowMs);
    return winner === undefined || isStickyRemoval(winner.content) ? undefined : winner;
  }

  #winnerOf(text: string, nowMs: number): StickyEntry | undefined {
    const unexpired: StickyEntry[] = [];
    for (const record of this.#writers.get(text)?.values() ?? []) {
      const endMs = stickyEndMs(record);
      if (record.write !== undefined && endMs > nowMs) unexpired.push({ ...record.write, endMs });
    }
    return winningStickyEvent(unexpired);
  }

  #endMsOf(text: string): number {
    return this.#winnerOf(text, this.#presentMs)?.endMs ?? Infinity;
  }
}

function passes(entry: StickyEntry, { roomId, sender, type, accept }: StickyFilter): boolean {
  return (
    entry.roomId === (roomId ?? entry.roomId) &&
    entry.sender === (sender ?? entry.sender) &&
    entry.type === (type ?? entry.type) &&
    (accept === undefined || accept(entry))
  );
}

function keyOf({ roomId, sender, type, stickyKey }: StickyKey): StickyKey {
  return { roomId, sender, type, stickyKey };
}

/** A clock that reads NaN would stop everything from expiring, unseen. */
function requireInstant(instantMs: number, what: string): void {
  if (!Number.isFinite(instantMs)) throw new RangeError(`${instantMs} is no ${what}, in milliseconds`);
}
