import { serverNameOf } from '@limpet/protocol/identifiers';
import { createCache } from '../../cache/create-cache.ts';
import type { Clock } from '../../platform/clock.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { type OutgoingEventRow, selectOutgoingEvents } from '../../storage/queries/outgoing-events.ts';
import type { Storage } from '../../storage/storage.ts';

/** Events kept as text, so that what goes to fifty servers is read once: some 2 kB each. */
const MAX_KEPT = 2_000;

/** An event as it goes out. */
export interface OutgoingPdu {
  readonly eventNid: number;
  readonly eventId: string;
  readonly text: string;
}

type Reading = Promise<ReadonlyMap<number, OutgoingEventRow>>;

/** The texts of events for other servers: those of the table, never made anew. */
export class OutgoingEvents {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #kept = createCache<number, Reading>(MAX_KEPT);

  constructor(storage: Storage, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** A redaction changed the text of an event. */
  note(change: PublishedChange): void {
    if (change.kind === 'event' && change.type === 'm.room.redaction') this.#kept.clear();
  }

  /** What is sent as it happens, in this order; a redacted event as redaction left it. */
  async live(eventNids: readonly number[]): Promise<OutgoingPdu[]> {
    const missing = eventNids.filter((nid) => !this.#kept.has(nid));
    if (missing.length > 0) {
      const reading = this.#read(missing);
      for (const nid of missing) this.#kept.set(nid, reading);
      reading.catch(() => {
        // Whoever asked is told; the next one reads again.
        for (const nid of missing) this.#kept.delete(nid);
      });
    }
    const pdus: OutgoingPdu[] = [];
    for (const nid of eventNids) {
      const rows = await (this.#kept.get(nid) ?? this.#read([nid]));
      const row = rows.get(nid);
      if (row !== undefined) pdus.push(pduOf(row));
    }
    return pdus;
  }

  /**
   * What is sent late to a server, in this order, without what nobody is to get any more (D5): redacted events and
   * those of erased users. `sticky` are those that are sent for being sticky: no longer, once they expired. What the
   * server handed to us (its own joins) it has.
   */
  async late(serverName: string, eventNids: readonly number[], sticky: ReadonlySet<number>): Promise<OutgoingPdu[]> {
    const rows = await this.#read(eventNids);
    const nowMs = this.#clock.nowMs();
    const pdus: OutgoingPdu[] = [];
    for (const nid of eventNids) {
      const row = rows.get(nid);
      if (row === undefined || row.redacted_by !== null || row.is_erased === 1) continue;
      if (serverNameOf(row.sender) === serverName) continue;
      if (sticky.has(nid) && (row.sticky_until_ms ?? 0) <= nowMs) continue;
      pdus.push(pduOf(row));
    }
    return pdus;
  }

  async #read(eventNids: readonly number[]): Reading {
    if (eventNids.length === 0) return new Map();
    const rows = await this.#storage.read(selectOutgoingEvents, { eventNids });
    return new Map(rows.map((row) => [row.event_nid, row]));
  }
}

function pduOf(row: OutgoingEventRow): OutgoingPdu {
  return { eventNid: row.event_nid, eventId: row.event_id, text: row.json };
}
