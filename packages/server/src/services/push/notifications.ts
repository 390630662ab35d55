import {
  type NotificationRow,
  selectHighlightingRooms,
  selectHighlightsOfRoom,
  selectNotificationsOfRoom,
  selectNotifyingRooms,
} from '../../storage/queries/notifications.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import type { RoomReader } from '../rooms/room-reader.ts';
import type { PushJudge } from './push-judge.ts';
import type { UnreadReader } from './unread-reader.ts';

/** Of one answer, whatever is asked for, and where nothing is. */
const MAX_LIMIT = 100;
const DEFAULT_LIMIT = 20;

export interface NotificationsParts {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly rooms: Pick<RoomReader, 'present'>;
  readonly unread: UnreadReader;
  readonly judge: PushJudge;
}

export interface NotificationsQuery {
  readonly userId: string;
  readonly deviceId: string;
  /** What comes before this position; `undefined` begins with the newest. */
  readonly before: number | undefined;
  readonly limit: number | undefined;
  readonly onlyHighlights: boolean;
}

export interface NotificationsPage {
  /** Each as JSON text, the newest first. */
  readonly texts: readonly string[];
  /** Where the next page begins; `undefined` when there is none. */
  readonly next: number | undefined;
}

/**
 * What notified a user, in the rooms that he is in, since he is. It is read from what unread counts are made of, so a
 * room's oldest notifications go as new ones come. Specification: client-server API, "Listing notifications".
 */
export class Notifications {
  readonly #parts: NotificationsParts;

  constructor(parts: NotificationsParts) {
    this.#parts = parts;
  }

  async page(query: NotificationsQuery): Promise<NotificationsPage> {
    const limit = Math.min(query.limit ?? DEFAULT_LIMIT, MAX_LIMIT);
    const rows = await this.#rows(query, limit + 1);
    const shown = rows.slice(0, limit);
    const events = await this.#parts.events.byNids(shown.map((row) => row.event_nid));
    const found = shown.flatMap((row) => {
      const event = events.get(row.event_nid);
      return event === undefined ? [] : [{ row, event }];
    });
    const { userId, deviceId } = query;
    const viewer = { userId, deviceId, withRoomId: false };
    const texts = await this.#parts.rooms.present(
      found.map(({ event }) => event),
      viewer,
    );
    return {
      texts: await Promise.all(
        found.map(({ row, event }, index) => this.#text(userId, { row, event, text: texts[index] ?? '{}' })),
      ),
      next: rows.length > limit ? shown.at(-1)?.position : undefined,
    };
  }

  /**
   * The newest of all rooms. Only the rooms with the newest can have some of them, and of those no more are read than
   * it takes until what is left is older.
   */
  async #rows({ userId, before, onlyHighlights }: NotificationsQuery, limit: number): Promise<NotificationRow[]> {
    const { storage } = this.#parts;
    const bound = before ?? Number.MAX_SAFE_INTEGER;
    const ofUser = onlyHighlights ? selectHighlightingRooms : selectNotifyingRooms;
    const ofRoom = onlyHighlights ? selectHighlightsOfRoom : selectNotificationsOfRoom;
    let found: NotificationRow[] = [];
    for (const room of await storage.read(ofUser, { userId, before: bound, limit })) {
      if (found.length >= limit && (found.at(-1)?.position ?? 0) > room.newest) break;
      const range = { userId, roomNid: room.room_nid, after: room.joined_position, before: bound, limit };
      found = [...found, ...(await storage.read(ofRoom, range))]
        .sort((one, other) => other.position - one.position)
        .slice(0, limit);
    }
    return found;
  }

  async #text(
    userId: string,
    { row, event, text }: { row: NotificationRow; event: RoomEvent; text: string },
  ): Promise<string> {
    const { unread, judge } = this.#parts;
    const place = { roomIndex: row.room_index, threadId: row.thread_id };
    const [actions, isRead] = await Promise.all([
      judge.actions(userId, event),
      unread.isRead(event.room, userId, place),
    ]);
    const common = { actions, read: isRead, room_id: event.room.roomId, ts: event.receivedTs };
    return `${JSON.stringify(common).slice(0, -1)},"event":${text}}`;
  }
}
