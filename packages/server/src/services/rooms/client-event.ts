import type { JsonObject } from '@limpet/protocol/json';
import type { StickyNames } from '@limpet/sticky/sticky-names';
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
  /** The redaction event, if this one was redacted. */
  readonly redactedBecause: RoomEvent | undefined;
  /** For a state event: what the slot held before. */
  readonly previous: RoomEvent | undefined;
}

/** How sticky events are shown to clients; from the configuration. */
export interface StickyPresentation {
  /** With the feature off, nothing says what is left of an event (A6). */
  readonly isEnabled: boolean;
  /** The names that are written (see `sticky-events.md`, "Names on the wire"); both are read. */
  readonly names: StickyNames;
}

/**
 * The event as a client gets it, as JSON text. The part that is the same for all viewers is made once per event; only
 * `unsigned` (age, what is left of its stickiness, transaction ID, …) is written per viewer.
 */
export type PresentEvent = (event: RoomEvent, viewing: EventViewing) => string;

/** The stripped form of a state event, for invites and knocks. */
export type StripEvent = (event: RoomEvent) => JsonObject;
