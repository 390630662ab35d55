import { isJsonObject, type JsonValue } from '@limpet/protocol/json';
import { limitExceeded } from '@limpet/protocol/matrix-error';
import { selectAccountData } from '../../storage/queries/account-data.ts';
import { upsertFullyRead } from '../../storage/queries/receipts.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { RoomRecord } from '../rooms/room-event.ts';

/** How often a marker is looked at again when another request of the user moves it meanwhile. */
const MAX_ATTEMPTS = 5;

const TYPE = 'm.fully_read';

export interface NewFullyRead {
  readonly room: RoomRecord;
  readonly userId: string;
  readonly eventId: string;
  readonly roomIndex: number;
}

/**
 * How far a user has read a room without a gap: account data of the room that only this writes. It never moves back.
 * Specification: client-server API, "Fully read markers".
 */
export class FullyReadMarkers {
  readonly #storage: Storage;
  readonly #events: EventStore;

  constructor(storage: Storage, events: EventStore) {
    this.#storage = storage;
    this.#events = events;
  }

  async set(marker: NewFullyRead): Promise<void> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const previousJson = await this.#read(marker);
      if (previousJson !== undefined && !(await this.#isBehind(previousJson, marker))) return;
      if (await this.#move(marker, previousJson ?? '')) return;
    }
    throw limitExceeded('Too many requests move this marker at once.');
  }

  async #read({ room, userId }: NewFullyRead): Promise<string | undefined> {
    const [row] = await this.#storage.read(selectAccountData, { userId, roomId: room.roomId, type: TYPE });
    return row?.content_json;
  }

  /** A marker at an event that is not in the timeline stands nowhere. */
  async #isBehind(previousJson: string, { room, roomIndex }: NewFullyRead): Promise<boolean> {
    const content: JsonValue = JSON.parse(previousJson);
    const eventId = isJsonObject(content) ? content.event_id : undefined;
    if (typeof eventId !== 'string') return true;
    const event = (await this.#events.byIds([eventId])).get(eventId);
    if (event?.place === undefined || event.room.nid !== room.nid) return true;
    return event.place.roomIndex < roomIndex;
  }

  /** Whether it is written; not when the marker is no longer the one that was read. */
  async #move({ room, userId, eventId }: NewFullyRead, previousJson: string): Promise<boolean> {
    const { roomId } = room;
    const writing = this.#storage.write((transaction) => {
      const position = transaction.publish({ kind: 'account-data', userId, roomId, type: TYPE });
      const contentJson = JSON.stringify({ event_id: eventId });
      const row = { userId, roomId, contentJson, previousJson, writer: transaction.writer, position };
      transaction.expect(upsertFullyRead, row, 'the marker is where it was');
    });
    return writing.then(
      () => true,
      (error) => {
        if (!(error instanceof ExpectationFailed)) throw error;
        return false;
      },
    );
  }
}
