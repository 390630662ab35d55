import type { JsonObject } from '@limpet/protocol/json';
import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StreamRange } from '../../storage/stream.ts';
import type { EventStore } from '../rooms/event-store.ts';
import { type JoinedRoomParts, joinedRoom } from '../rooms/joined-rooms.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import type { RoomEvent, RoomRecord } from '../rooms/room-event.ts';
import type { EphemeralReader } from './ephemeral-reader.ts';
import { FullyReadMarkers } from './fully-read.ts';
import { ReadMarkers } from './read-markers.ts';
import { Receipts } from './receipts.ts';
import { Typing } from './typing.ts';

export interface EphemeralParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly events: EventStore;
  readonly memberships: MembershipReader;
}

/** What happens in a room beside its events: who has read how far, and who is typing. */
export class Ephemeral implements EphemeralReader {
  /** For unread counts: `receiptsOf.ofUser`. */
  readonly receiptsOf: Receipts;
  readonly readMarkers: ReadMarkers;
  readonly #typing: Typing;
  readonly #rooms: JoinedRoomParts;

  constructor({ storage, platform, events, memberships }: EphemeralParts) {
    this.receiptsOf = new Receipts(storage, platform);
    const fullyRead = new FullyReadMarkers(storage, events);
    this.readMarkers = new ReadMarkers({ events, memberships, receipts: this.receiptsOf, fullyRead });
    this.#typing = new Typing(storage, platform, events);
    this.#rooms = { events, memberships };
  }

  /** Once, before any client is answered. */
  async start(): Promise<void> {
    await this.#typing.start();
  }

  async stop(): Promise<void> {
    await this.#typing.stop();
  }

  /** The user types, for `timeoutMs` more, or does so no longer. Throws M_FORBIDDEN unless he is joined. */
  async setTyping(
    userId: string,
    roomId: string,
    state: { isTyping: boolean; timeoutMs: number | undefined },
  ): Promise<void> {
    const room = await joinedRoom(this.#rooms, roomId, userId);
    if (state.isTyping) await this.#typing.begin(room, userId, state.timeoutMs);
    else await this.#typing.end(room, userId);
  }

  receipts(
    room: RoomRecord,
    userId: string,
    ranges: readonly StreamRange[] | undefined,
  ): Promise<JsonObject | undefined> {
    return this.receiptsOf.content(room, userId, ranges);
  }

  receiptsAt(room: RoomRecord, userId: string, events: readonly RoomEvent[]): Promise<JsonObject | undefined> {
    return this.receiptsOf.contentAt(room, userId, events);
  }

  typing(roomId: string): readonly string[] {
    return this.#typing.in(roomId);
  }

  typingChangedIn(roomId: string, ranges: readonly StreamRange[]): boolean {
    return this.#typing.changedIn(roomId, ranges);
  }
}
