import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from './json.ts';
import { redactJson } from './redaction.ts';
import { findRoomVersion, ROOM_VERSION_IDS, type RoomVersion, type RoomVersionId } from './room-version.ts';

const EVERY_CONTENT_KEY = [
  ...['aliases', 'allow', 'ban', 'creator', 'events', 'events_default', 'history_visibility', 'invite', 'join_rule'],
  ...['join_authorised_via_users_server', 'kick', 'membership', 'notifications', 'redact', 'redacts', 'room_version'],
  ...['state_default', 'users', 'users_default', 'body', 'sticky_key'],
];

const EVERY_TOP_LEVEL_KEY = [
  ...['event_id', 'room_id', 'sender', 'state_key', 'hashes', 'signatures', 'depth', 'prev_events', 'prev_state'],
  ...['auth_events', 'origin', 'origin_server_ts', 'membership', 'redacts', 'unsigned', 'age_ts', 'sticky'],
  ...['msc4354_sticky', 'extra'],
];

const FIRST_POWER_LEVELS = 'ban events events_default kick redact state_default users users_default';

/** Event type, first room version, last room version, what is left of the content. */
const KEPT: [string, number, number, string][] = [
  ['m.room.member', 1, 8, 'membership'],
  ['m.room.member', 9, 12, 'join_authorised_via_users_server membership'],
  ['m.room.create', 1, 10, 'creator'],
  ['m.room.create', 11, 12, EVERY_CONTENT_KEY.toSorted().join(' ')],
  ['m.room.join_rules', 1, 7, 'join_rule'],
  ['m.room.join_rules', 8, 12, 'allow join_rule'],
  ['m.room.power_levels', 1, 10, FIRST_POWER_LEVELS],
  ['m.room.power_levels', 11, 12, FIRST_POWER_LEVELS.replace('kick', 'invite kick')],
  ['m.room.history_visibility', 1, 12, 'history_visibility'],
  ['m.room.aliases', 1, 5, 'aliases'],
  ['m.room.aliases', 6, 12, ''],
  ['m.room.redaction', 1, 10, ''],
  ['m.room.redaction', 11, 12, 'redacts'],
  ['m.room.message', 1, 12, ''],
  ['m.room.topic', 1, 12, ''],
];

describe('what redaction leaves', () => {
  test.each(KEPT)('of the content of %s in versions %i to %i: %s', (type, first, last, expected) => {
    const content = objectOf(EVERY_CONTENT_KEY);
    for (let id = first; id <= last; id++) {
      const redacted = redactJson({ type, content }, version(`${id}` as RoomVersionId));
      expect(
        Object.keys(redacted.content as JsonObject)
          .toSorted()
          .join(' '),
      ).toBe(expected);
    }
  });

  test('of the top level: A3, the sticky field goes in every room version', () => {
    const json = { ...objectOf(EVERY_TOP_LEVEL_KEY), type: 'x', content: { body: 'gone' } };
    const always =
      'auth_events content depth event_id hashes origin_server_ts prev_events room_id sender signatures state_key type';
    for (const id of ROOM_VERSION_IDS) {
      const expected = Number(id) >= 11 ? always : `${always} membership origin prev_state`;
      expect(Object.keys(redactJson(json, version(id))).toSorted()).toEqual(expected.split(' ').toSorted());
    }
  });

  test('of a third-party invite: `signed` alone, since version 11', () => {
    const signed = { mxid: '@a:b', token: 't' };
    const event = { type: 'm.room.member', content: { third_party_invite: { display_name: 'A', signed } } };
    expect(redactJson(event, version('11')).content).toEqual({ third_party_invite: { signed } });
    expect(redactJson(event, version('10')).content).toEqual({});
    const odd = { type: 'm.room.member', content: { third_party_invite: 'x' } };
    expect(redactJson(odd, version('11')).content).toEqual({});
  });

  test('is taken from the event and not from what objects inherit', () => {
    expect(redactJson({ type: 'constructor', content: {} }, version('12'))).toEqual({
      type: 'constructor',
      content: {},
    });
  });
});

test('redaction is idempotent and never changes its input', () => {
  const types = [...new Set(KEPT.map(([type]) => type))];
  const object = (keys: string[]) =>
    fc.dictionary(fc.constantFrom(...keys), fc.constantFrom<unknown>({}, [], 'x', 1, null));
  fc.assert(
    fc.property(
      fc.constantFrom(...ROOM_VERSION_IDS),
      fc.constantFrom(...types),
      fc.tuple(object(EVERY_TOP_LEVEL_KEY), object([...EVERY_CONTENT_KEY, 'third_party_invite'])),
      (id, type, [fields, content]) => {
        const json = { ...fields, type, content } as JsonObject;
        const before = structuredClone(json);
        const once = redactJson(json, version(id));
        expect(redactJson(once, version(id))).toEqual(once);
        expect(json).toEqual(before);
      },
    ),
  );
});

function objectOf(keys: string[]): JsonObject {
  return Object.fromEntries(keys.map((key) => [key, `value of ${key}`]));
}

function version(id: RoomVersionId): RoomVersion {
  return findRoomVersion(id) as RoomVersion;
}
