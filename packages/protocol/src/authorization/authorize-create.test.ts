import { describe } from 'vitest';
import type { JsonValue } from '../json.ts';
import type { RoomVersion } from '../room-version.ts';
import { BOB, create, type EventSketch, testRules } from './tests/test-room.ts';

const isHashed = (version: RoomVersion) => version.roomIdIsCreateHash;
const isNotHashed = (version: RoomVersion) => !version.roomIdIsCreateHash;

describe('rule 1: m.room.create', () => {
  testRules([
    { rule: '1.1', story: 'prev_events', event: { ...create(), prevEvents: ['$x'] }, refused: /prev_events/ },
    {
      rule: '1.2',
      story: "a room ID of another server than the sender's",
      when: isNotHashed,
      event: { ...create(), roomId: '!room:away.test' },
      refused: /not of the server of @alice:home.test/,
    },
    {
      rule: '1.2',
      story: 'a room ID without a server',
      when: isNotHashed,
      event: { ...create(), roomId: '!room' },
      refused: /not of the server of/,
    },
    {
      rule: '1.2',
      story: 'a room_id in the event',
      when: isHashed,
      event: { ...create(), json: { room_id: '!create' } },
      refused: /has a room_id/,
    },
    {
      rule: '1.3',
      story: 'an unknown room version',
      event: create({ room_version: '99' }),
      refused: /"99" is not known/,
    },
    { rule: '1.3', story: 'a room version that is a number', event: create({ room_version: 1 }), refused: /not known/ },
    {
      rule: '1.4',
      story: 'no creator',
      when: (version) => !version.creatorIsSender,
      event: { type: 'm.room.create', stateKey: '' },
      refused: /names no creator/,
    },
    {
      rule: (version) => (version.privilegesCreators ? '1.5' : '1.4'),
      story: 'no creator since v11',
      when: (version) => version.creatorIsSender,
      event: { type: 'm.room.create', stateKey: '' },
    },
    { rule: (version) => (version.creatorIsSender && !version.privilegesCreators ? '1.4' : '1.5'), ...ordinary() },
  ]);
});

describe('rule 1.4 of v12: additional_creators', () => {
  const refusedValues: JsonValue[] = [
    BOB,
    {},
    null,
    [1],
    [BOB, ''],
    ['bob:home.test'],
    ['@bob'],
    [`@${'b'.repeat(255)}:a`],
  ];
  const when = isHashed;
  testRules([
    ...refusedValues.map((additional_creators) => ({
      rule: '1.4',
      story: JSON.stringify(additional_creators).slice(0, 40),
      when,
      event: create({ additional_creators }),
      refused: /not a list of user IDs/,
    })),
    { rule: '1.5', story: 'a list of user IDs', when, event: create({ additional_creators: [BOB] }) },
    { rule: '1.5', story: 'an empty list', when, event: create({ additional_creators: [] }) },
    { rule: '1.5', story: 'whatever it is, before v12', when: isNotHashed, event: create({ additional_creators: 1 }) },
  ]);
});

function ordinary(): { story: string; event: EventSketch } {
  return { story: 'an ordinary one', event: create({ room_version: '6' }) };
}
