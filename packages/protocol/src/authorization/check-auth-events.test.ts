import { describe, expect, test } from 'vitest';
import { type Pdu, stateMapKey } from '../pdu.ts';
import type { RoomVersion } from '../room-version.ts';
import { selectAuthEventKeys, selectAuthEvents } from './auth-event-selection.ts';
import { authorizeEvent } from './authorize-event.ts';
import { authEventState, checkAuthEvents } from './check-auth-events.ts';
import {
  ALICE,
  ALL_VERSIONS,
  BOB,
  CAROL,
  create,
  type EventSketch,
  expectVerdict,
  joinRules,
  member,
  message,
  powerLevels,
  roomVersion,
  sketched,
  stateOf,
} from './tests/test-room.ts';

const thirdParty = { third_party_invite: { signed: { token: 'secret' } } };
const authorised = { join_authorised_via_users_server: ALICE };

describe('selectAuthEventKeys', () => {
  const selections: Record<string, { event: EventSketch; also: string[]; only?: (version: RoomVersion) => boolean }> = {
    'a message': { event: message(BOB), also: [] },
    'state under a user ID': { event: { type: 'x', stateKey: CAROL, sender: BOB }, also: [] },
    'a join': { event: member(BOB, 'join'), also: ['m.room.join_rules '] },
    'a knock': { event: member(BOB, 'knock'), also: ['m.room.join_rules '] },
    'a leave': { event: member(BOB, 'leave'), also: [] },
    'a ban': { event: member(CAROL, 'ban', { sender: BOB }), also: [`m.room.member ${CAROL}`] },
    'an invite': {
      event: member(CAROL, 'invite', { sender: BOB }),
      also: [`m.room.member ${CAROL}`, 'm.room.join_rules '],
    },
    'an invite by a third party': {
      event: member(CAROL, 'invite', { sender: BOB, content: thirdParty }),
      also: [`m.room.member ${CAROL}`, 'm.room.join_rules ', 'm.room.third_party_invite secret'],
    },
    'a leave with what belongs into an invite': { event: member(BOB, 'leave', { content: thirdParty }), also: [] },
    'a restricted join': {
      event: member(BOB, 'join', { content: authorised }),
      also: [`m.room.member ${ALICE}`, 'm.room.join_rules '],
      only: (version) => version.allowsRestrictedJoins,
    },
    'a restricted join before v8': {
      event: member(BOB, 'join', { content: authorised }),
      also: ['m.room.join_rules '],
      only: (version) => !version.allowsRestrictedJoins,
    },
  };
  for (const [story, { event, also, only = () => true }] of Object.entries(selections)) {
    test.each(ALL_VERSIONS.filter(only).map(({ id }) => id))(`${story}, v%s`, (id) => {
      const version = roomVersion(id);
      const keys = selectAuthEventKeys(sketched(event, version), version);
      const first = version.roomIdIsCreateHash ? [] : ['m.room.create '];
      const expected = [...first, 'm.room.power_levels ', `m.room.member ${BOB}`, ...also];
      expect(keys.map(({ type, stateKey }) => `${type} ${stateKey}`)).toEqual(expected);
    });
  }

  test('the create event needs none', () => {
    for (const version of ALL_VERSIONS) expect(selectAuthEventKeys(sketched(create(), version), version)).toEqual([]);
  });
});

describe.each(ALL_VERSIONS.map(({ id }) => id))('checkAuthEvents, v%s', (id) => {
  const version = roomVersion(id);
  const section = version.roomIdIsCreateHash ? 3 : 2;
  const createEvent = sketched(create(), version);
  const levels = sketched(powerLevels({}), version);
  const bob = sketched(member(BOB, 'join'), version);
  const ordinary = version.roomIdIsCreateHash ? [levels, bob] : [createEvent, levels, bob];

  function check(authEvents: Pdu[], rejected?: Set<string>) {
    const event = sketched(message(BOB, { authEvents: authEvents.map(({ eventId }) => eventId) }), version);
    return checkAuthEvents(event, authEvents, version, rejected);
  }

  test('allows what the selection names', () => {
    expectVerdict(check(ordinary), undefined);
    expectVerdict(check(ordinary, new Set(['$unrelated'])), undefined);
  });

  test(`rule ${section}.1 refuses: two events of one type and state key`, () => {
    const other = { ...levels, eventId: '$other' };
    expectVerdict(check([...ordinary, other]), /has the state key of another/);
  });

  test(`rule ${section}.1 refuses: the same event twice`, () => {
    expectVerdict(check([...ordinary, levels]), /listed twice/);
  });

  test(`rule ${section}.2 refuses: what the selection does not name`, () => {
    for (const sketch of [joinRules('public'), member(CAROL, 'join'), message(BOB)]) {
      expectVerdict(check([...ordinary, sketched(sketch, version)]), /does not authorize m.room.message/);
    }
  });

  test(`rule ${section}.3 refuses: an auth event that was rejected`, () => {
    expectVerdict(check(ordinary, new Set([levels.eventId])), /was itself rejected/);
  });

  test(`rule ${version.roomIdIsCreateHash ? '3.4' : '2.5'} refuses: an auth event of another room`, () => {
    const elsewhere = { ...levels, roomId: '!elsewhere:home.test' };
    expectVerdict(check(ordinary.map((event) => (event === levels ? elsewhere : event))), /of another room/);
  });

  if (version.roomIdIsCreateHash) {
    test('rule 3.2 refuses: the create event', () => {
      expectVerdict(check([createEvent, ...ordinary]), /\(m.room.create\) does not authorize/);
    });
  } else {
    test('rule 2.4 refuses: no create event', () => {
      expectVerdict(check([levels, bob]), /lack the m.room.create event/);
    });
  }

  test('the create event is decided by rule 1 alone', () => {
    expectVerdict(checkAuthEvents(createEvent, [], version), undefined);
  });

  test('asking before all auth events are loaded is our bug', () => {
    const event = sketched(message(BOB, { authEvents: [levels.eventId, '$missing'] }), version);
    expect(() => checkAuthEvents(event, [levels], version)).toThrow(/must all be loaded/);
    expect(() => checkAuthEvents(event, [levels, bob], version)).toThrow(/must all be loaded/);
  });
});

test.each(ALL_VERSIONS.map(({ id }) => id))(
  'what is selected passes, and authorizes like the whole state, v%s',
  (id) => {
    const version = roomVersion(id);
    const createEvent = sketched(create(), version);
    const state = stateOf([create(), member(ALICE, 'join'), member(BOB, 'join'), joinRules('public')], version);
    const sketches = [message(BOB), message(CAROL), member(CAROL, 'join'), member(BOB, 'ban', { sender: ALICE })];
    for (const sketch of sketches) {
      const selected = selectAuthEvents(sketched(sketch, version), state, version);
      const event = sketched({ ...sketch, authEvents: selected.map(({ eventId }) => eventId) }, version);
      expectVerdict(checkAuthEvents(event, selected, version), undefined);
      const ownState = authEventState(selected, version.roomIdIsCreateHash ? createEvent : undefined);
      expect(ownState.has(stateMapKey('m.room.create', ''))).toBe(true);
      expect(authorizeEvent(event, ownState, version)).toEqual(authorizeEvent(event, state, version));
    }
  },
);
