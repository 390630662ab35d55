import { selectStickyRooms } from '../../storage/queries/sticky-events.ts';
import type { Storage } from '../../storage/storage.ts';

/**
 * Which rooms have anything sticky, in memory, so that a sync of a user in a thousand rooms asks the table about those
 * alone that have something new. May say more than there is (a batch that failed, a redaction), never less.
 */
export class StickyRooms {
  /** By room nid, by writer. Bounded by the rooms that had a sticky event within the last hour. */
  readonly #latest = new Map<number, Map<number, { position: number; untilMs: number }>>();

  /** Reads what the table holds; once, before anything else. */
  async load(storage: Storage, nowMs: number): Promise<void> {
    for (const row of await storage.read(selectStickyRooms, { nowMs })) {
      this.note(row.room_nid, { writer: row.writer, position: row.latest, untilMs: row.until_ms });
    }
  }

  note(roomNid: number, due: { writer: number; position: number; untilMs: number }): void {
    let writers = this.#latest.get(roomNid);
    if (writers === undefined) {
      writers = new Map();
      this.#latest.set(roomNid, writers);
    }
    const known = writers.get(due.writer);
    writers.set(due.writer, {
      position: Math.max(due.position, known?.position ?? 0),
      untilMs: Math.max(due.untilMs, known?.untilMs ?? 0),
    });
  }

  /** Did something of this writer become due in the room after this position? */
  hasDueAfter(roomNid: number, writer: number, position: number): boolean {
    return (this.#latest.get(roomNid)?.get(writer)?.position ?? 0) > position;
  }

  /** Forgets rooms where nothing is sticky any more. */
  forgetExpired(nowMs: number): void {
    for (const [roomNid, writers] of this.#latest) {
      for (const [writer, { untilMs }] of writers) if (untilMs <= nowMs) writers.delete(writer);
      if (writers.size === 0) this.#latest.delete(roomNid);
    }
  }

  get size(): number {
    return this.#latest.size;
  }
}
