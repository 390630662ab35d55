import { checkCanonicalJson } from './check-canonical-json.ts';
import { eventIdOf, roomIdOfCreateEvent } from './event-id.ts';
import { checkEventSize } from './event-size.ts';
import { asEventId, asRoomId, asUserId, serverNameOf } from './identifiers.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import type { Pdu } from './pdu.ts';
import type { RoomVersion } from './room-version.ts';
import { type Refusal, refused, type Verdict } from './verdict.ts';

/** Most entries an event may have, whoever made it. Specification: server-server API, "PDUs". */
export const MAX_PREV_EVENTS = 20;
export const MAX_AUTH_EVENTS = 10;

export type ParsedPdu = { readonly allowed: true; readonly pdu: Pdu } | Refusal;

/**
 * An event from its JSON, if it has the format of its room version: the first of the checks on receipt of a PDU.
 * Hashes and signatures are there but not checked: `verifyEvent` does. `unsigned` and `age_ts` are dropped.
 *
 * Integers beyond ±(2^53 - 1), which room versions 1 to 5 allow in places, lose digits in JavaScript; where that
 * happens, a hash or signature will not fit and the event is treated like any other that was tampered with.
 *
 * Specification: server-server API, "Checks performed on receipt of a PDU", step 1; "Event format" of room versions.
 */
export function parsePdu(object: JsonObject, version: RoomVersion): ParsedPdu {
  const { unsigned: _unsigned, age_ts: _ageTs, ...json } = object;
  const refusal = checkText(json, version) ?? checkFields(json, version) ?? checkCreate(json, version);
  if (refusal !== undefined) {
    return refusal;
  }
  const prevEvents = readReferences(json.prev_events, version, { name: 'prev_events', limit: MAX_PREV_EVENTS });
  const authEvents = readReferences(json.auth_events, version, { name: 'auth_events', limit: MAX_AUTH_EVENTS });
  if (!prevEvents.allowed) {
    return prevEvents;
  }
  if (!authEvents.allowed) {
    return authEvents;
  }
  const references = { prevEvents: prevEvents.eventIds, authEvents: authEvents.eventIds };
  return { allowed: true, pdu: pduOf(json, version, references) };
}

/**
 * The event that this JSON is, without a check: for what was checked before, such as what our own storage gives back,
 * or what was just built. `eventId` saves the hash where it is known.
 */
export function trustedPdu(json: JsonObject, version: RoomVersion, eventId?: string): Pdu {
  const references = { prevEvents: eventIdsOf(json.prev_events), authEvents: eventIdsOf(json.auth_events) };
  return pduOf(json, version, { ...references, eventId });
}

type References = { prevEvents: readonly string[]; authEvents: readonly string[]; eventId?: string | undefined };

function pduOf(json: JsonObject, version: RoomVersion, { prevEvents, authEvents, eventId }: References): Pdu {
  const content = json.content as JsonObject;
  const id = eventId ?? (version.eventIdIsHash ? eventIdOf(json, version) : (json.event_id as string));
  const redacts = version.redactsIsInContent ? own(content, 'redacts') : own(json, 'redacts');
  return {
    eventId: id,
    roomId: isHashedCreate(json, version) ? roomIdOfCreateEvent(id) : (json.room_id as string),
    sender: json.sender as string,
    type: json.type as string,
    stateKey: own(json, 'state_key') as string | undefined,
    content,
    originServerTs: json.origin_server_ts as number,
    depth: json.depth as number,
    prevEvents,
    authEvents,
    redacts: typeof redacts === 'string' ? redacts : undefined,
    json,
  };
}

function checkText(json: JsonObject, version: RoomVersion): Refusal | undefined {
  return refusalOf(checkCanonicalJson(json, version)) ?? refusalOf(checkEventSize(json));
}

/** The types of the top-level fields, each with what is said when it is wrong. */
function checkFields(json: JsonObject, version: RoomVersion): Refusal | undefined {
  for (const [key, isRight, expected] of FIELDS) {
    if (!isRight(own(json, key))) {
      return refused(`The event's ${key} must be ${expected}.`);
    }
  }
  if (!version.eventIdIsHash && !isEventIdWithServer(own(json, 'event_id'))) {
    return refused('The event_id must be "$", an opaque part, ":" and a server name.');
  }
  if (!isHashedCreate(json, version) && asRoomId(own(json, 'room_id')) === undefined) {
    return refused("The event's room_id must be a room ID.");
  }
  return undefined;
}

type FieldRule = readonly [key: string, isRight: (value: JsonValue | undefined) => boolean, expected: string];

const FIELDS: readonly FieldRule[] = [
  ['type', (value) => typeof value === 'string', 'a string'],
  ['sender', (value) => asUserId(value) !== undefined, 'a user ID'],
  ['content', isJsonObject, 'an object'],
  ['state_key', (value) => value === undefined || typeof value === 'string', 'a string where there is one'],
  ['origin_server_ts', Number.isSafeInteger, 'an integer of milliseconds'],
  ['depth', (value) => typeof value === 'number' && Number.isInteger(value) && value >= 0, 'an integer from 0 up'],
  ['hashes', (value) => isJsonObject(value) && typeof own(value, 'sha256') === 'string', 'an object with sha256'],
  ['signatures', (value) => isJsonObject(value) && Object.values(value).every(isJsonObject), 'an object of objects'],
];

/** Where the room ID is the hash of the create event, that event cannot name it. Room version 12, rule 1.2. */
function checkCreate(json: JsonObject, version: RoomVersion): Refusal | undefined {
  return isHashedCreate(json, version) && Object.hasOwn(json, 'room_id')
    ? refused('An m.room.create event of this room version must not have a room_id.')
    : undefined;
}

function isHashedCreate(json: JsonObject, version: RoomVersion): boolean {
  return version.roomIdIsCreateHash && json.type === 'm.room.create' && own(json, 'state_key') === '';
}

type ReadReferences = { readonly allowed: true; readonly eventIds: string[] } | Refusal;

/** Event IDs, or, where they are not hashes themselves, pairs of an event ID and its hashes. */
function readReferences(
  value: JsonValue | undefined,
  version: RoomVersion,
  { name, limit }: { name: string; limit: number },
): ReadReferences {
  if (!Array.isArray(value)) {
    return refused(`The event's ${name} must be an array.`);
  }
  if (value.length > limit) {
    return refused(`The event has ${value.length} ${name}; at most ${limit} are allowed.`);
  }
  const isReference = version.eventIdIsHash ? isEventId : isEventIdWithHashes;
  return value.every(isReference)
    ? { allowed: true, eventIds: eventIdsOf(value) }
    : refused(`The event's ${name} must hold ${version.eventIdIsHash ? ID_FORM : PAIR_FORM}.`);
}

const ID_FORM = 'event IDs';
const PAIR_FORM = 'pairs of an event ID and an object of hashes';

function isEventId(value: JsonValue): boolean {
  return asEventId(value) !== undefined;
}

function isEventIdWithHashes(value: JsonValue): boolean {
  return Array.isArray(value) && value.length === 2 && asEventId(value[0]) !== undefined && isJsonObject(value[1]);
}

function isEventIdWithServer(value: JsonValue | undefined): boolean {
  const eventId = asEventId(value);
  return eventId !== undefined && serverNameOf(eventId) !== undefined;
}

function eventIdsOf(references: JsonValue | undefined): string[] {
  const list = Array.isArray(references) ? references : [];
  return list.map((reference) => (Array.isArray(reference) ? reference[0] : reference) as string);
}

function own(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function refusalOf(verdict: Verdict): Refusal | undefined {
  return verdict.allowed ? undefined : verdict;
}
