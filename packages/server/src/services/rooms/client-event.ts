import type { JsonObject } from '@limpet/protocol/json';
import type { RoomEvent } from './room-event.ts';

/** What one viewer's copy of an event has of its own. */
export interface EventViewing {
  /** The server's clock now. */
  readonly nowMs: number;
  /** Present when the viewer's own device sent it. */
  readonly transactionId: string | undefined;
  /** The viewer's membership when it was sent (MSC4115 `membership` in `unsigned`), where known. */
  readonly membership: string | undefined;
  /** `room_id` is left out in the timeline of `/sync` and there in most other places (sticky section included). */
  readonly withRoomId: boolean;
  /** The redaction event, already in the client's form, if this one was redacted. */
  readonly redactedBecause: string | undefined;
  /** For a state event: what the slot held before. */
  readonly previous: RoomEvent | undefined;
  /** Which names of sticky events are written (see `sticky-events.md`, "Names on the wire"). */
  readonly stableNames: boolean;
}

/**
 * The event as a client gets it, as JSON text. The part that is the same for all viewers is made once per event; only
 * `unsigned` (age, what is left of its stickiness, transaction ID, …) is written per viewer.
 */
export type PresentEvent = (event: RoomEvent, viewing: EventViewing) => string;

/** The stripped form of a state event, for invites and knocks. */
export type StripEvent = (event: RoomEvent) => JsonObject;
