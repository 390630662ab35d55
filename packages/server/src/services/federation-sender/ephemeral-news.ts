import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { serverNameOf } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import type { Log } from '../../platform/log.ts';
import type { Timer, Timers } from '../../platform/timers.ts';
import { selectReceiptsOfUser } from '../../storage/queries/receipts.ts';
import type { Storage } from '../../storage/storage.ts';
import { eduText } from './transaction-text.ts';

/** Others take it that somebody stopped typing when they do not hear of it for long. */
const TYPING_AGAIN_MS = 30_000;
/** Rooms where somebody types and other servers are told. */
const MAX_TYPING_ROOMS = 10_000;
/** Receipts being read; what comes meanwhile is dropped. */
const MAX_RECEIPT_READS = 1_000;

export interface EphemeralNewsParts {
  readonly storage: Storage;
  readonly timers: Timers;
  readonly log: Log;
  /** Our own. */
  readonly serverName: string;
  /** Who is typing in a room now. */
  readonly typing: (roomId: string) => readonly string[];
  /** Offers an EDU to servers, to those that are there alone. */
  readonly offer: (servers: Iterable<string>, key: string, text: string) => void;
}

/**
 * Typing and receipts of our users, for other servers as far as they are there to hear it. Specification: server-server
 * API, "Typing Notifications", "Receipts".
 */
export class EphemeralNews {
  readonly #parts: EphemeralNewsParts;
  /** By room: who was said to type, and to whom. */
  readonly #typing = new Map<string, { typists: ReadonlySet<string>; servers: ReadonlySet<string> }>();
  #receiptReads = 0;
  #timer: Timer | undefined;

  constructor(parts: EphemeralNewsParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#typing.clear();
  }

  /** Who types in a room changed. `servers` is kept, and moves with the room. */
  typing(roomId: string, servers: ReadonlySet<string>): void {
    const { serverName } = this.#parts;
    const before = this.#typing.get(roomId)?.typists ?? new Set();
    const typists = new Set(this.#parts.typing(roomId).filter((userId) => serverNameOf(userId) === serverName));
    for (const userId of typists) if (!before.has(userId)) this.#tell(roomId, servers, { userId, isTyping: true });
    for (const userId of before) if (!typists.has(userId)) this.#tell(roomId, servers, { userId, isTyping: false });
    if (typists.size === 0) this.#typing.delete(roomId);
    else if (this.#typing.size < MAX_TYPING_ROOMS) this.#typing.set(roomId, { typists, servers });
    if (this.#typing.size > 0) this.#timer ??= this.#parts.timers.after(TYPING_AGAIN_MS, () => this.#tellAgain());
  }

  #tellAgain(): void {
    this.#timer = undefined;
    for (const [roomId, { typists, servers }] of this.#typing) {
      for (const userId of typists) this.#tell(roomId, servers, { userId, isTyping: true });
    }
    if (this.#typing.size > 0) this.#timer = this.#parts.timers.after(TYPING_AGAIN_MS, () => this.#tellAgain());
  }

  #tell(roomId: string, servers: ReadonlySet<string>, { userId, isTyping }: { userId: string; isTyping: boolean }) {
    const content = { room_id: roomId, typing: isTyping, user_id: userId };
    this.#parts.offer(servers, `typing ${roomId} ${userId}`, eduText('m.typing', encodeCanonicalJson(content)));
  }

  /** A receipt of one of our users moved on. */
  async receipt(
    { roomId, roomNid, userId }: { roomId: string; roomNid: number; userId: string },
    servers: ReadonlySet<string>,
  ): Promise<void> {
    if (this.#receiptReads >= MAX_RECEIPT_READS) return;
    this.#receiptReads++;
    try {
      const rows = await this.#parts.storage.read(selectReceiptsOfUser, { roomNid, userId });
      const newest = rows.filter((row) => row.receipt_type === 'm.read').sort((a, b) => b.ts - a.ts)[0];
      if (newest === undefined) return;
      const data: JsonObject = { ts: newest.ts, ...(newest.thread_id === '' ? {} : { thread_id: newest.thread_id }) };
      const content = { [roomId]: { 'm.read': { [userId]: { data, event_ids: [newest.event_id] } } } };
      const text = eduText('m.receipt', encodeCanonicalJson(content));
      this.#parts.offer(servers, `receipt ${roomId} ${userId} ${newest.thread_id}`, text);
    } catch (error) {
      this.#parts.log.warn('A receipt could not be read; other servers are not told of it', { error });
    } finally {
      this.#receiptReads--;
    }
  }
}
