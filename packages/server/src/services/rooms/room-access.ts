import { MatrixError } from '@limpet/protocol/matrix-error';
import type { EventStore } from './event-store.ts';
import { historyVisibilityOf } from './history-visibility.ts';
import type { MembershipReader, MembershipRecord } from './membership-reader.ts';
import type { PartingEvents } from './parting-events.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';
import type { RoomStateReader } from './room-state.ts';

/** What somebody may look at in a room: its present, or its past up to when that user left. */
export interface RoomAccess {
  readonly room: RoomRecord;
  readonly userId: string;
  /** The present join; `undefined` for who left and for who only looks in. */
  readonly joined: MembershipRecord | undefined;
  /** The event by which the user left, when nothing after it may be seen. */
  readonly parting: RoomEvent | undefined;
}

interface RoomDoorParts {
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
  readonly partings: PartingEvents;
}

/** Decides who may look into a room at all. What of it is then seen is for `EventSight`. */
export class RoomDoor {
  readonly #parts: RoomDoorParts;

  constructor(parts: RoomDoorParts) {
    this.#parts = parts;
  }

  /**
   * For members, for who was one, and for everybody where the room is world readable now. Throws M_FORBIDDEN for
   * anybody else, and for a room that is not known here: nobody shall learn which rooms there are.
   */
  async enter(roomId: string, userId: string): Promise<RoomAccess> {
    const room = await this.#parts.events.room(roomId);
    if (room === undefined) throw notMember();
    const found = await this.#parts.memberships.of(room, userId);
    const record = found?.isForgotten === true ? undefined : found;
    if (record?.membership === 'join') return { room, userId, joined: record, parting: undefined };
    const visibility = await this.#parts.state.current(room, 'm.room.history_visibility', '');
    if (historyVisibilityOf(visibility?.pdu) === 'world_readable') {
      return { room, userId, joined: undefined, parting: undefined };
    }
    const parting = record === undefined ? undefined : await this.#parts.partings.of(record);
    if (parting === undefined) throw notMember();
    return { room, userId, joined: undefined, parting };
  }
}

function notMember(): MatrixError {
  return new MatrixError('M_FORBIDDEN', 'You are not in this room, and were not before. Join it first.');
}
