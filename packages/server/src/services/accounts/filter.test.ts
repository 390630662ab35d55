import type { JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { describe, expect, test } from 'vitest';
import { includesRoom, NO_FILTER, parseFilter, parseRoomEventFilter } from './filter.ts';

describe('a filter', () => {
  test('the example of the specification', () => {
    const filter = parseFilter({
      room: {
        state: { types: ['m.room.*'], not_rooms: ['!726s6s6q:example.com'] },
        timeline: {
          limit: 10,
          types: ['m.room.message'],
          not_rooms: ['!726s6s6q:example.com'],
          not_senders: ['@spam:example.com'],
        },
        ephemeral: { types: ['m.receipt', 'm.typing'], not_senders: ['@spam:example.com'] },
      },
      presence: { types: ['m.presence'], not_senders: ['@alice:example.com'] },
      event_format: 'client',
      event_fields: ['type', 'content', 'sender'],
    });
    expect(filter.eventFields).toEqual([['type'], ['content'], ['sender']]);
    expect(filter.room.state.types).toEqual(['m.room.*']);
    expect(filter.room.state.notRooms).toEqual(new Set(['!726s6s6q:example.com']));
    expect(filter.room.timeline).toMatchObject({ limit: 10, notSenders: ['@spam:example.com'] });
    expect(filter.presence.notSenders).toEqual(['@alice:example.com']);
  });

  test('what is left out, or null, stands as the default', () => {
    expect(parseFilter({ room: null, event_fields: null })).toEqual(NO_FILTER);
    expect(NO_FILTER).toMatchObject({ eventFields: undefined, eventFormat: 'client' });
    expect(NO_FILTER.room).toMatchObject({ rooms: undefined, notRooms: new Set(), includeLeave: false });
    expect(NO_FILTER.room.timeline).toEqual({
      limit: undefined,
      types: undefined,
      notTypes: [],
      senders: undefined,
      notSenders: [],
      rooms: undefined,
      notRooms: new Set(),
      containsUrl: undefined,
      lazyLoadMembers: false,
      includeRedundantMembers: false,
      unreadThreadNotifications: false,
    });
  });

  test('lists that are empty are not lists that are missing', () => {
    const filter = parseFilter({ room: { rooms: [], timeline: { types: [] } } });
    expect(filter.room.rooms).toEqual(new Set());
    expect(filter.room.timeline.types).toEqual([]);
  });

  test('a path is split at its dots, those behind a backslash excepted', () => {
    const { eventFields } = parseFilter({ event_fields: ['content.m\\.relates_to.a\\\\b', 'x\\y'] });
    expect(eventFields).toEqual([['content', 'm.relates_to', 'a\\b'], ['x\\y']]);
  });

  test('properties that nobody knows are left alone', () => {
    expect(parseFilter({ 'org.example.thing': [1], room: { timeline: { 'org.example': true } } })).toEqual(NO_FILTER);
  });

  test('a room is included when it is named or nothing is, and not excluded', () => {
    const [a, b] = ['!a:hs', '!b:hs'];
    expect(includesRoom(parseFilter({}).room, a)).toBe(true);
    expect(includesRoom(parseFilter({ room: { rooms: [a] } }).room, a)).toBe(true);
    expect(includesRoom(parseFilter({ room: { rooms: [a] } }).room, b)).toBe(false);
    expect(includesRoom(parseFilter({ room: { rooms: [a], not_rooms: [a] } }).room, a)).toBe(false);
  });

  test.each<[JsonValue, RegExp]>([
    [[], /must be a JSON object/],
    ['x', /must be a JSON object/],
    [{ room: [] }, /"room" of the filter must be an object/],
    [{ room: { timeline: 5 } }, /"room.timeline"/],
    [{ room: { timeline: { limit: '10' } } }, /"room.timeline.limit".*integer/],
    [{ room: { timeline: { limit: -1 } } }, /"room.timeline.limit"/],
    [{ room: { timeline: { limit: 1.5 } } }, /"room.timeline.limit"/],
    [{ room: { state: { types: 'm.room.*' } } }, /"room.state.types".*list of strings/],
    [{ room: { state: { types: [1] } } }, /"room.state.types"/],
    [{ room: { state: { lazy_load_members: 'yes' } } }, /"room.state.lazy_load_members".*true or false/],
    [{ room: { rooms: ['not a room'] } }, /"room.rooms".*not a room ID/],
    [{ presence: { senders: ['alice'] } }, /"presence.senders".*not a user ID/],
    [{ event_format: 'xml' }, /"event_format".*"client", "federation"/],
    [{ event_fields: 'content' }, /"event_fields"/],
    [{ room: { timeline: { types: Array(1_001).fill('m') } } }, /1000 entries at most/],
    [{ room: { timeline: { types: ['m'.repeat(2_000)] } } }, /1024 characters/],
    [{ padding: 'x'.repeat(70_000) }, /65536 characters at most/],
    [nested(17), /16 levels/],
  ])('refuses %j', (json, message) => {
    expect(() => parseFilter(json)).toThrow(message);
    expect(refusalOf(() => parseFilter(json)).errcode).toBe('M_BAD_JSON');
  });

  test('nesting far beyond any stack is refused in words', () => {
    expect(refusalOf(() => parseFilter(nested(50_000))).message).toMatch(/levels/);
  });

  test('the filter of /messages is one part of it', () => {
    expect(parseRoomEventFilter({ lazy_load_members: true, contains_url: false })).toMatchObject({
      lazyLoadMembers: true,
      containsUrl: false,
    });
    expect(refusalOf(() => parseRoomEventFilter({ contains_url: 1 })).message).toMatch(/^"contains_url"/);
  });
});

function nested(levels: number): JsonValue {
  let json: JsonValue = {};
  for (let level = 1; level < levels; level++) json = { inner: json };
  return json;
}

function refusalOf(action: () => unknown): MatrixError {
  try {
    action();
  } catch (error) {
    if (error instanceof MatrixError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
