import type { JsonObject } from '@limpet/protocol/json';
import type { Platform } from '../../platform/platform.ts';
import {
  type ReceiptRow,
  selectReceiptsBetween,
  selectReceiptsOfRoom,
  selectReceiptsOfUser,
  upsertReceipt,
} from '../../storage/queries/receipts.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';
import type { StreamRange } from '../../storage/stream.ts';
import type { RoomEvent, RoomRecord } from '../rooms/room-event.ts';
import { receiptContent } from './receipt-content.ts';

/**
 * Receipts of one room in one answer, the newest ones; the user's own are always among them. In a room of a hundred
 * thousand members nobody looks at the others.
 */
const MAX_RECEIPTS_PER_ANSWER = 5_000;

/** Where receipts show what somebody has read; `m.fully_read` is account data. */
export type ReceiptType = 'm.read' | 'm.read.private';

/** A receipt as its user set it last. */
export interface Receipt {
  readonly receiptType: ReceiptType;
  /** `undefined` for an unthreaded one, `main`, or the thread's root. */
  readonly threadId: string | undefined;
  readonly eventId: string;
  /** Everything up to here, in the room or in the thread, is read. */
  readonly roomIndex: number;
}

export interface NewReceipt extends Receipt {
  readonly room: RoomRecord;
  readonly userId: string;
  /** When it was set, where another server says so; now otherwise. */
  readonly ts?: number;
}

/** Receipts of the table. Specification: client-server API, "Receipts". */
export class Receipts {
  readonly #storage: Storage;
  readonly #platform: Platform;

  constructor(storage: Storage, platform: Platform) {
    this.#storage = storage;
    this.#platform = platform;
  }

  /** Sets a receipt that was checked; one that stands at this event or after it stays where it is. */
  async set({ room, userId, receiptType, threadId, eventId, roomIndex, ts }: NewReceipt): Promise<void> {
    const writing = this.#storage.write((transaction) => {
      const position = transaction.publish({ kind: 'receipt', roomId: room.roomId, userId, receiptType });
      const row = { roomNid: room.nid, userId, receiptType, threadId: threadId ?? '', eventId, roomIndex };
      const place = { ts: ts ?? this.#platform.clock.nowMs(), writer: transaction.writer, position };
      transaction.expect(upsertReceipt, { ...row, ...place }, 'the receipt moves on');
    });
    await writing.catch((error) => {
      if (!(error instanceof ExpectationFailed)) throw error;
    });
  }

  /** What this user has read of the room: for unread counts. The stream's `receipt` changes say when to ask again. */
  async ofUser(room: RoomRecord, userId: string): Promise<Receipt[]> {
    const rows = await this.#storage.read(selectReceiptsOfUser, { roomNid: room.nid, userId });
    return rows.map((row) => ({
      receiptType: row.receipt_type as ReceiptType,
      threadId: row.thread_id === '' ? undefined : row.thread_id,
      eventId: row.event_id,
      roomIndex: row.room_index,
    }));
  }

  /** See `EphemeralReader.receipts`. */
  async content(
    room: RoomRecord,
    userId: string,
    ranges: readonly StreamRange[] | undefined,
  ): Promise<JsonObject | undefined> {
    const rows =
      ranges === undefined ? await this.#readRoom(room, userId) : await this.#readRanges(room, userId, ranges);
    return receiptContent(rows);
  }

  /** See `EphemeralReader.receiptsAt`. A receipt is younger than its event, so what is older need not be read. */
  async contentAt(room: RoomRecord, userId: string, events: readonly RoomEvent[]): Promise<JsonObject | undefined> {
    const oldest = new Map<number, number>();
    for (const { place } of events) {
      if (place === undefined) continue;
      oldest.set(place.writer, Math.min(place.position, oldest.get(place.writer) ?? place.position));
    }
    const ranges = [...oldest].map(([writer, after]) => ({ writer, after, upTo: Number.MAX_SAFE_INTEGER }));
    const [own, younger] = await Promise.all([
      this.#storage.read(selectReceiptsOfUser, { roomNid: room.nid, userId }),
      this.#readRanges(room, userId, ranges),
    ]);
    const eventIds = new Set<string>(events.map(({ pdu }) => pdu.eventId));
    return receiptContent([...own, ...younger.filter((row) => row.user_id !== userId && eventIds.has(row.event_id))]);
  }

  async #readRoom(room: RoomRecord, userId: string): Promise<ReceiptRow[]> {
    const parameters = { roomNid: room.nid, userId, limit: MAX_RECEIPTS_PER_ANSWER };
    return this.#withOwn(room, userId, await this.#storage.read(selectReceiptsOfRoom, parameters));
  }

  async #readRanges(room: RoomRecord, userId: string, ranges: readonly StreamRange[]): Promise<ReceiptRow[]> {
    const parameters = { roomNid: room.nid, userId, limit: MAX_RECEIPTS_PER_ANSWER };
    const pages = await Promise.all(
      ranges.map((range) => this.#storage.read(selectReceiptsBetween, { ...parameters, ...range })),
    );
    return this.#withOwn(room, userId, pages.flat());
  }

  /** Where the limit cut, the user's own receipts may be what was cut off. */
  async #withOwn(room: RoomRecord, userId: string, rows: ReceiptRow[]): Promise<ReceiptRow[]> {
    if (rows.length < MAX_RECEIPTS_PER_ANSWER) return rows;
    const others = rows.filter((row) => row.user_id !== userId);
    const own = await this.#storage.read(selectReceiptsOfUser, { roomNid: room.nid, userId });
    return [...own, ...others.slice(0, MAX_RECEIPTS_PER_ANSWER)];
  }
}
