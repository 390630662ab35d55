import type { RoomEvent, RoomRecord } from './room-event.ts';

/** What readers of events (sync, messages, context, event) ask of a room besides its timeline and state. */
export interface RoomReader {
  /**
   * Those of the events that this user may see, in the same order. C7: an unexpired sticky event passes for who is
   * joined.
   */
  visibleTo(userId: string, room: RoomRecord, events: readonly RoomEvent[]): Promise<RoomEvent[]>;
  /**
   * The events as client JSON texts for this viewer, in the same order: with age, what is left of stickiness,
   * `transaction_id` for the sending device, `redacted_because`, `prev_content`, `membership`, `m.relations`. A read of
   * each kind for the whole list.
   */
  present(events: readonly RoomEvent[], viewer: EventViewer): Promise<string[]>;
  /** The stripped state of the room for who is invited or knocks, the member event of that user among it. */
  strippedState(room: RoomRecord, userId: string): Promise<string>;
}

export interface EventViewer {
  readonly userId: string;
  readonly deviceId: string | undefined;
  /** `/sync` timelines leave `room_id` out; the sticky section and everything else has it. */
  readonly withRoomId: boolean;
  /**
   * Whether aggregations of child events are bundled, with all or some. Specification: client-server API, "Aggregations
   * of child events", which has a list of the endpoints; in `/sync` it is done for a timeline that is `limited`.
   */
  readonly withRelations?: boolean | ((event: RoomEvent) => boolean) | undefined;
}
