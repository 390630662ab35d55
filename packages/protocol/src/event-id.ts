import { hash } from 'node:crypto';
import { encodeCanonicalJson } from './canonical-json.ts';
import { hashOfText } from './content-hash.ts';
import type { EventId, RoomId } from './identifiers.ts';
import type { JsonObject } from './json.ts';
import { redactJson } from './redaction.ts';
import type { RoomVersion } from './room-version.ts';

/**
 * The event ID of an event whose room version makes it the reference hash. Where the sending server chose it
 * (`eventIdIsHash` is false) it stands in the event, and asking for it here is our bug.
 * Specification: room versions 3 and 4, "Event IDs".
 */
export function eventIdOf(json: JsonObject, version: RoomVersion): EventId {
  return eventIdOfSignedText(signedTextOf(json, version), version);
}

/** The same from the text that `signedTextOf` gave. */
export function eventIdOfSignedText(text: string, version: RoomVersion): EventId {
  if (!version.eventIdIsHash) {
    throw new Error(`Event IDs of room version ${version.id} are no hashes.`);
  }
  return `$${version.eventIdIsUrlSafe ? hash('sha256', text, 'base64url') : hashOfText(text)}` as EventId;
}

/**
 * The reference hash in unpadded Base64, as room versions 1 and 2 write it into `prev_events` and `auth_events`.
 * Specification: server-server API, "Calculating the reference hash for an event".
 */
export function referenceHash(json: JsonObject, version: RoomVersion): string {
  return hashOfText(signedTextOf(json, version));
}

/**
 * What both the signatures and the reference hash cover: the canonical JSON of the redacted event without its
 * signatures. (`unsigned` and `age_ts` do not survive redaction.)
 */
export function signedTextOf(json: JsonObject, version: RoomVersion): string {
  const { signatures: _signatures, ...signed } = redactJson(json, version);
  return encodeCanonicalJson(signed);
}

/** The ID of the room that this create event made, where the room version derives the one from the other. */
export function roomIdOfCreateEvent(createEventId: EventId | string): RoomId {
  return `!${createEventId.slice(1)}` as RoomId;
}
