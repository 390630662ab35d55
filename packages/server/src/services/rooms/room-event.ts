import type { JsonObject } from '@limpet/protocol/json';
import type { Pdu } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import type { EventRow } from '../../storage/queries/events.ts';
import type { StreamPlace } from '../../storage/stream.ts';

/**
 * An event as we keep it: read once, shared by everybody who reads it, never changed (a redaction makes another value).
 */
export interface RoomEvent {
  readonly nid: number;
  readonly room: RoomRecord;
  readonly pdu: Pdu;
  /** Our clock when it first arrived, or was made (A2). Milliseconds. */
  readonly receivedTs: number;
  /** Its place in the stream; `undefined` for an outlier. */
  readonly place: EventPlace | undefined;
  /** The snapshot of the room's state before this event; `undefined` for an outlier. */
  readonly stateBefore: number | undefined;
  /**
   * Snapshots of the room's current state just before and just after this event took its place; `undefined` where that
   * is the state before the event, and the one after it.
   */
  readonly roomStateBefore?: number | undefined;
  readonly roomStateAfter?: number | undefined;
  readonly isRejected: boolean;
  readonly isSoftFailed: boolean;
  /** The event that redacted this one. `pdu` is then what redaction left. */
  readonly redactedBy: number | undefined;
}

export interface EventPlace extends StreamPlace {
  /** Grows along the room's timeline; below 1 for what was fetched of the time before this server came. */
  readonly roomIndex: number;
}

/**
 * The position of history: before everything. It is in nobody's `/sync`, so it has no place in the stream of its own.
 */
export const HISTORY_POSITION = 0;

/** Whether an event was fetched later than what came after it. */
export function isHistory({ position }: EventPlace): boolean {
  return position === HISTORY_POSITION;
}

/** The place of an event that has one, as all of a timeline have. */
export function placeOf(event: RoomEvent | undefined): EventPlace {
  if (event?.place === undefined) throw new Error(`Event ${event?.nid} has no place in the stream`);
  return event.place;
}

/** What of a room never changes. */
export interface RoomRecord {
  readonly nid: number;
  readonly roomId: string;
  readonly version: RoomVersion;
  readonly createdTs: number;
}

/** An event from its row. Rows hold what was checked when it was written, so nothing is checked here. */
export function readRoomEvent(row: EventRow, room: RoomRecord): RoomEvent {
  return {
    nid: row.event_nid,
    room,
    pdu: readPdu(row, room),
    receivedTs: row.received_ts,
    place:
      row.writer === null || row.position === null || row.room_index === null
        ? undefined
        : { writer: row.writer, position: row.position, roomIndex: row.room_index },
    stateBefore: row.state_before ?? undefined,
    roomStateBefore: row.room_state_before ?? undefined,
    roomStateAfter: row.room_state_after ?? undefined,
    isRejected: row.is_rejected === 1,
    isSoftFailed: row.is_soft_failed === 1,
    redactedBy: row.redacted_by ?? undefined,
  };
}

function readPdu(row: EventRow, room: RoomRecord): Pdu {
  const json = JSON.parse(row.json) as JsonObject;
  const content = json.content as JsonObject;
  const redacts = room.version.redactsIsInContent ? content.redacts : json.redacts;
  return {
    eventId: row.event_id,
    roomId: room.roomId,
    sender: row.sender,
    type: row.type,
    stateKey: row.state_key ?? undefined,
    content,
    originServerTs: row.origin_server_ts,
    depth: row.depth,
    prevEvents: readReferences(json.prev_events),
    authEvents: readReferences(json.auth_events),
    redacts: typeof redacts === 'string' ? redacts : undefined,
    json,
  };
}

/** Room versions 1 and 2 refer to an event by [ID, hashes], the later ones by its ID. */
function readReferences(list: unknown): string[] {
  return (list as (string | [string, unknown])[]).map((entry) => (typeof entry === 'string' ? entry : entry[0]));
}
