import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { serverNameOf } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import type { Log } from '../../platform/log.ts';
import type { Timer, Timers } from '../../platform/timers.ts';
import { selectServersOfRooms } from '../../storage/queries/presence.ts';
import { selectReceiptsOfUser } from '../../storage/queries/receipts.ts';
import type { Storage } from '../../storage/storage.ts';
import { eduText } from './transaction-text.ts';

/** Others take it that somebody stopped typing when they do not hear of it for long. */
const TYPING_AGAIN_MS = 30_000;
/** Rooms where somebody types and other servers are told. */
const MAX_TYPING_ROOMS = 10_000;
/** Receipts, and servers for presence, being read; what comes meanwhile is dropped. */
const MAX_READS = 1_000;

export interface EphemeralNewsParts {
  readonly storage: Storage;
  readonly timers: Timers;
  readonly log: Log;
  /** Our own. */
  readonly serverName: string;
  /** Who is typing in a room now. */
  readonly typing: (roomId: string) => readonly string[];
  /** What is to be told of a user's being there. */
  readonly presence: (userId: string) => JsonObject | undefined;
  /** The nids of rooms. */
  readonly roomNids: (roomIds: readonly string[]) => Promise<readonly number[]>;
  /** Offers an EDU to servers, to those that are there alone. */
  readonly offer: (servers: Iterable<string>, key: string, text: string) => void;
}

/**
 * Typing, receipts and presence of our users, for other servers as far as they are there to hear it. Specification:
 * server-server API, "Typing Notifications", "Receipts", "Presence".
 */
export class EphemeralNews {
  readonly #parts: EphemeralNewsParts;
  /** By room: who was said to type, and to whom. */
  readonly #typing = new Map<string, { typists: ReadonlySet<string>; servers: ReadonlySet<string> }>();
  #reads = 0;
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
    if (this.#reads >= MAX_READS) return;
    this.#reads++;
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
      this.#reads--;
    }
  }

  /** Whether a user of ours is there changed. Who shares these rooms is told. */
  async presence({ userId, roomIds }: { userId: string; roomIds: readonly string[] }): Promise<void> {
    if (roomIds.length === 0 || this.#reads >= MAX_READS) return;
    this.#reads++;
    try {
      const { storage, presence, roomNids: nidsOf, offer } = this.#parts;
      const roomNids = await nidsOf(roomIds);
      const servers = await storage.read(selectServersOfRooms, { roomNids });
      const update = presence(userId);
      if (servers.length === 0 || update === undefined) return;
      const text = eduText('m.presence', encodeCanonicalJson({ push: [update] }));
      offer(
        servers.map((row) => row.server_name),
        `presence ${userId}`,
        text,
      );
    } catch (error) {
      this.#parts.log.warn('Other servers could not be told who is there', { error });
    } finally {
      this.#reads--;
    }
  }
}
