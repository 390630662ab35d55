import type { JsonObject } from '@limpet/protocol/json';
import type { StreamRange } from '../../storage/stream.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import type { EphemeralReader } from './ephemeral-reader.ts';
import type { Receipts } from './receipts.ts';
import type { Typing } from './typing.ts';

/** What sync reads, put together of its two halves. */
export class Ephemeral implements EphemeralReader {
  readonly #receipts: Receipts;
  readonly #typing: Typing;

  constructor(receipts: Receipts, typing: Typing) {
    this.#receipts = receipts;
    this.#typing = typing;
  }

  receipts(
    room: RoomRecord,
    userId: string,
    ranges: readonly StreamRange[] | undefined,
  ): Promise<JsonObject | undefined> {
    return this.#receipts.content(room, userId, ranges);
  }

  typing(roomId: string): readonly string[] {
    return this.#typing.in(roomId);
  }

  typingChangedIn(roomId: string, ranges: readonly StreamRange[]): boolean {
    return this.#typing.changedIn(roomId, ranges);
  }
}
