import type { JsonObject } from '@limpet/protocol/json';
import { stickyDurationMs } from '@limpet/sticky/sticky-duration';
import { STABLE_STICKY_NAMES, type StickyNames, UNSTABLE_STICKY_NAMES } from '@limpet/sticky/sticky-names';
import type { OwnDetails } from './event-details.ts';
import type { RoomEvent } from './room-event.ts';
import { stickyEndOf } from './sticky-end.ts';

/**
 * Makes what shows events to clients. Its texts are kept as long as the events are, so it is made once per server.
 * Specification: client-server API, "Room event format" (`ClientEvent`, `UnsignedData`).
 */
export function createPresentEvent(sticky: StickyPresentation): PresentEvent {
  const bodies = new WeakMap<RoomEvent, string>();

  function bodyOf(event: RoomEvent): string {
    let body = bodies.get(event);
    if (body === undefined) {
      body = writeBody(event, sticky);
      bodies.set(event, body);
    }
    return body;
  }

  return function presentEvent(event: RoomEvent, viewing: EventViewing): string {
    const roomId = viewing.withRoomId ? `,"room_id":${JSON.stringify(event.room.roomId)}` : '';
    const because =
      viewing.redactedBecause === undefined
        ? undefined
        : presentEvent(viewing.redactedBecause, plainViewing(viewing.nowMs, viewing.withRoomId));
    const unsigned = JSON.stringify(unsignedOf(event, viewing, sticky));
    const redactedBecause = because === undefined ? '' : `,"redacted_because":${because}`;
    const relations = viewing.relations === undefined ? '' : `,"m.relations":${viewing.relations}`;
    return `${bodyOf(event)}${roomId},"unsigned":${unsigned.slice(0, -1)}${redactedBecause}${relations}}}`;
  };
}

/** What one viewer's copy of an event has of its own. */
export interface EventViewing {
  /** The server's clock now. */
  readonly nowMs: number;
  /** Present when the viewer sent it. */
  readonly own: OwnDetails | undefined;
  /** The viewer's membership when it was sent (MSC4115 `membership` in `unsigned`), where known. */
  readonly membership: string | undefined;
  /** `room_id` is left out in the timeline of `/sync` and there in most other places (sticky section included). */
  readonly withRoomId: boolean;
  /** The redaction event, if this one was redacted. */
  readonly redactedBecause: RoomEvent | undefined;
  /** For a state event: what the slot held before. */
  readonly previous: RoomEvent | undefined;
  /** The aggregations of its child events (`m.relations`), as JSON text. */
  readonly relations: string | undefined;
}

/** How sticky events are shown to clients; from the configuration. */
export interface StickyPresentation {
  /** With the feature off, nothing says what is left of an event (A6). */
  readonly isEnabled: boolean;
  /** The names that are written; both are read. */
  readonly names: StickyNames;
}

/**
 * The event as a client gets it, as JSON text. The part that is the same for all viewers is made once per event; only
 * `unsigned` (age, what is left of its stickiness, transaction ID, …) is written per viewer.
 */
export type PresentEvent = (event: RoomEvent, viewing: EventViewing) => string;

/** A viewing with nothing of a viewer's own. */
export function plainViewing(nowMs: number, withRoomId: boolean): EventViewing {
  return {
    nowMs,
    withRoomId,
    own: undefined,
    membership: undefined,
    redactedBecause: undefined,
    previous: undefined,
    relations: undefined,
  };
}

/**
 * What is the same for everybody, without the closing brace: the properties that a client's event has by the
 * specification. `auth_events`, `hashes` and whatever else a server may have put in stay behind.
 */
function writeBody({ pdu }: RoomEvent, { names }: StickyPresentation): string {
  const properties: [string, string][] = [
    ['type', JSON.stringify(pdu.type)],
    ['content', JSON.stringify(clientContent(pdu))],
    ['event_id', JSON.stringify(pdu.eventId)],
    ['sender', JSON.stringify(pdu.sender)],
    ['origin_server_ts', JSON.stringify(pdu.originServerTs)],
  ];
  if (pdu.stateKey !== undefined) properties.push(['state_key', JSON.stringify(pdu.stateKey)]);
  if (isRedaction(pdu) && pdu.redacts !== undefined) properties.push(['redacts', JSON.stringify(pdu.redacts)]);
  const durationMs = stickyDurationMs(pdu.json);
  if (durationMs !== undefined) {
    // The name in force, and the other one where the event itself has it.
    for (const { eventField } of [STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES]) {
      if (eventField === names.eventField || Object.hasOwn(pdu.json, eventField)) {
        properties.push([eventField, JSON.stringify({ duration_ms: durationMs })]);
      }
    }
  }
  return `{${properties.map(([name, text]) => `"${name}":${text}`).join(',')}`;
}

/**
 * From room version 11 on `redacts` stands in the content, before at the top. Clients of either age find it in both
 * (room version 11, "Redactions"), and it is the one that counts in this room.
 */
function clientContent(pdu: RoomEvent['pdu']): JsonObject {
  return isRedaction(pdu) && pdu.redacts !== undefined ? { ...pdu.content, redacts: pdu.redacts } : pdu.content;
}

function isRedaction(pdu: RoomEvent['pdu']): boolean {
  return pdu.type === 'm.room.redaction' && pdu.stateKey === undefined;
}

function unsignedOf(event: RoomEvent, viewing: EventViewing, sticky: StickyPresentation): JsonObject {
  const { own, membership, previous } = viewing;
  const unsigned: JsonObject = { age: viewing.nowMs - event.pdu.originServerTs };
  const remainingMs = sticky.isEnabled ? (stickyEndOf(event) ?? 0) - viewing.nowMs : 0;
  if (remainingMs > 0) {
    unsigned[STABLE_STICKY_NAMES.remainingField] = remainingMs;
    unsigned[UNSTABLE_STICKY_NAMES.remainingField] = remainingMs;
  }
  if (own?.transactionId !== undefined) unsigned.transaction_id = own.transactionId;
  if (own?.delayId !== undefined) {
    unsigned.delay_id = own.delayId;
    unsigned['org.matrix.msc4140.delay_id'] = own.delayId;
  }
  if (membership !== undefined) unsigned.membership = membership;
  if (previous !== undefined) {
    unsigned.prev_content = previous.pdu.content;
    unsigned.replaces_state = previous.pdu.eventId;
  }
  return unsigned;
}
