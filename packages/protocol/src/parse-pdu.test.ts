import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from './json.ts';
import { MAX_AUTH_EVENTS, MAX_PREV_EVENTS, parsePdu, trustedPdu } from './parse-pdu.ts';
import { findRoomVersion, ROOM_VERSION_IDS, type RoomVersion, type RoomVersionId } from './room-version.ts';

const ID = `$${'A'.repeat(43)}`;

const message: JsonObject = {
  auth_events: [ID],
  content: { body: 'Hello' },
  depth: 3,
  hashes: { sha256: 'x' },
  origin_server_ts: 1_800_000_000_000,
  prev_events: [ID],
  room_id: '!r:hs1',
  sender: '@a:hs1',
  signatures: { hs1: { 'ed25519:1': 'x' } },
  type: 'm.room.message',
};

/** The message with `"a":"xxx…"` for its content. */
const LARGE_BYTES = JSON.stringify({ ...message, content: { a: '' } }).length + 65_536;

const earlyMessage: JsonObject = {
  ...message,
  event_id: '$e:hs1',
  auth_events: [['$c:hs1', { sha256: 'x' }]],
  prev_events: [['$p:hs1', { sha256: 'x' }]],
};

describe('parsePdu', () => {
  test.each(ROOM_VERSION_IDS)('reads a message of version %s', (id) => {
    const isEarly = id === '1' || id === '2';
    const json = isEarly ? earlyMessage : message;
    const parsed = parsePdu({ ...json, unsigned: { age: 5 }, age_ts: 7 }, version(id));
    expect(parsed).toMatchObject({
      allowed: true,
      pdu: { sender: '@a:hs1', roomId: '!r:hs1', stateKey: undefined, prevEvents: [isEarly ? '$p:hs1' : ID], json },
    });
    expect(parsed.allowed && parsed.pdu.json).toEqual(json);
    expect(parsed.allowed && parsed.pdu).toEqual(trustedPdu(json, version(id)));
  });

  test.each<[string, JsonObject, string]>([
    ['no sender', without('sender'), "The event's sender must be a user ID."],
    ['a sender that is no user', { ...message, sender: 'a' }, "The event's sender must be a user ID."],
    ['no type', without('type'), "The event's type must be a string."],
    ['a type that is a list', { ...message, type: [] }, "The event's type must be a string."],
    ['content that is a list', { ...message, content: [] }, "The event's content must be an object."],
    [
      'a state key that is null',
      { ...message, state_key: null },
      "The event's state_key must be a string where there is one.",
    ],
    [
      'a time that is text',
      { ...message, origin_server_ts: '1' },
      "The event's origin_server_ts must be an integer of milliseconds.",
    ],
    ['a negative depth', { ...message, depth: -1 }, "The event's depth must be an integer from 0 up."],
    ['no hash', { ...message, hashes: {} }, "The event's hashes must be an object with sha256."],
    [
      'signatures of a wrong type',
      { ...message, signatures: { a: 1 } },
      "The event's signatures must be an object of objects.",
    ],
    ['no room', without('room_id'), "The event's room_id must be a room ID."],
    ['a room that is none', { ...message, room_id: '#r:hs1' }, "The event's room_id must be a room ID."],
    ['no prev_events', without('prev_events'), "The event's prev_events must be an array."],
    [
      'prev_events of version 1',
      { ...message, prev_events: earlyMessage.prev_events as JsonValue },
      "The event's prev_events must hold event IDs.",
    ],
    [
      'too many prev_events',
      { ...message, prev_events: Array(MAX_PREV_EVENTS + 1).fill(ID) },
      'The event has 21 prev_events; at most 20 are allowed.',
    ],
    [
      'too many auth_events',
      { ...message, auth_events: Array(MAX_AUTH_EVENTS + 1).fill(ID) },
      'The event has 11 auth_events; at most 10 are allowed.',
    ],
    ['a long type', { ...message, type: 'x'.repeat(256) }, "The event's type is longer than 255 bytes."],
    ['a float', { ...message, content: { a: 1.5 } }, 'Not canonical JSON: 1.5 is not an integer at content.a.'],
    [
      '64 KiB',
      { ...message, content: { a: 'x'.repeat(65_536) } },
      `The event has ${LARGE_BYTES} bytes as canonical JSON; at most 65536 are allowed.`,
    ],
  ])('refuses %s', (_story, json, reason) => {
    expect(parsePdu(json, version('11'))).toEqual({ allowed: false, reason });
  });

  test('versions 1 and 2 want an event ID with a server and pairs', () => {
    const eventId = { ...earlyMessage, event_id: ID };
    expect(parsePdu(eventId, version('2'))).toMatchObject({
      allowed: false,
      reason: expect.stringContaining('event_id'),
    });
    expect(parsePdu({ ...earlyMessage, auth_events: [ID] }, version('2'))).toEqual({
      allowed: false,
      reason: "The event's auth_events must hold pairs of an event ID and an object of hashes.",
    });
  });

  test('version 12 takes the room ID from the create event, which must not name it', () => {
    const create = { ...without('room_id'), type: 'm.room.create', state_key: '', prev_events: [], auth_events: [] };
    const parsed = parsePdu(create, version('12'));
    expect(parsed.allowed && parsed.pdu.roomId).toBe(parsed.allowed && `!${parsed.pdu.eventId.slice(1)}`);
    expect(parsePdu({ ...create, room_id: '!r:hs1' }, version('12')).allowed).toBe(false);
    expect(parsePdu(create, version('11')).allowed).toBe(false);
    expect(parsePdu({ ...create, state_key: 'x' }, version('12')).allowed).toBe(false);
  });

  test('floats pass in old versions, and properties that objects inherit are not read', () => {
    expect(parsePdu({ ...message, content: { a: 1.5 } }, version('5')).allowed).toBe(true);
    expect(parsePdu(JSON.parse('{"__proto__":{"type":"x"},"content":{}}'), version('12')).allowed).toBe(false);
  });
});

function without(key: string): JsonObject {
  return Object.fromEntries(Object.entries(message).filter(([name]) => name !== key));
}

function version(id: RoomVersionId): RoomVersion {
  return findRoomVersion(id) as RoomVersion;
}
