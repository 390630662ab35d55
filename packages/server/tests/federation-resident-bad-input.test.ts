import { contentHash } from '@limpet/protocol/content-hash';
import { eventIdOf } from '@limpet/protocol/event-id';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';
import { signEvent } from '@limpet/protocol/signing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createRemoteWorld, type RemoteServer, type RemoteWorld } from './support/remote-server.ts';
import { createRoomAs, makePath, sendPath } from './support/resident-paths.ts';

/** A server that is in the room, signs all that it says, and says nothing that is right. */
let world: RemoteWorld;
let far: RemoteServer;
let alice: Session;
let roomId: string;

beforeEach(async () => {
  world = await createRemoteWorld(['far.test']);
  far = world.remote('far.test');
  alice = await world.home.createUser('alice');
  roomId = await createRoomAs(world.home, alice, { room_version: '11' });
});

afterEach(() => world.stop());

const ODD_VALUES: readonly JsonValue[] = [
  null,
  true,
  -1,
  0,
  2 ** 53,
  2 ** 63,
  '',
  'x',
  '$',
  '@',
  '!x:y',
  'x'.repeat(60_000),
  '\u0000',
  '\u202e',
  '__proto__',
  [],
  [null],
  [['x']],
  [[]],
  ['$x', '$x'],
  Array.from({ length: 1_000 }, (_, index) => `$${index}`),
  {},
  { '': '' },
  JSON.parse('{"__proto__":{"membership":"join"},"constructor":1}'),
  { membership: { membership: 'join' } },
  { membership: 'join', third_party_invite: { signed: { mxid: '@x:y', token: 'x', signatures: [] } } },
  { membership: 'join', join_authorised_via_users_server: '@alice:home.test' },
  { membership: 'join', join_authorised_via_users_server: { a: 1 } },
  nested(90),
];

function nested(depth: number): JsonValue {
  let value: JsonValue = 1;
  for (let level = 0; level < depth; level++) value = { x: value };
  return value;
}

const FIELDS = [
  'type',
  'room_id',
  'sender',
  'state_key',
  'content',
  'depth',
  'origin_server_ts',
  'prev_events',
  'auth_events',
  'hashes',
  'signatures',
  'unsigned',
  'redacts',
  'event_id',
  'msc4354_sticky',
  'origin',
];

const VERSION = findRoomVersion('11') as RoomVersion;

/** Hashed and signed, whatever it is; `undefined` where it cannot even be that. */
function forge(json: JsonObject, changed: string): { json: JsonObject; eventId: string } | undefined {
  try {
    const hashed = changed === 'hashes' ? json : { ...json, hashes: { sha256: contentHash(json) } };
    const signed = changed === 'signatures' ? hashed : signEvent(hashed, VERSION, far.name, far.key);
    return { json: signed, eventId: eventIdOf(signed, VERSION) };
  } catch {
    return undefined;
  }
}

async function goodEvent(kind: 'join' | 'leave'): Promise<JsonObject> {
  const made = await far.ask('GET', makePath(kind, roomId, far.userId('bob')));
  const { hashes: _hashes, signatures: _signatures, ...json } = far.complete(made.body).pdu.json;
  return json;
}

async function roomGoesOn(): Promise<void> {
  const path = `/_matrix/client/v3/rooms/${roomId}/send/m.room.message/${Math.floor(performance.now() * 1_000)}`;
  await world.home.ok('PUT', path, { token: alice.accessToken, body: { msgtype: 'm.text', body: 'Still here' } });
  const path2 = `/_matrix/client/v3/rooms/${roomId}/joined_members`;
  const { joined } = await world.home.ok('GET', path2, { token: alice.accessToken });
  expect(Object.keys(joined as JsonObject)).toContain(alice.userId);
}

describe('events with odd fields', () => {
  test.each(['join', 'leave', 'knock', 'invite'] as const)(
    'are answered by %s, and the room goes on',
    async (kind) => {
      const good = await goodEvent('join');
      const taken: string[] = [];
      for (const field of FIELDS) {
        for (const odd of ODD_VALUES) {
          const forged = forge({ ...good, [field]: odd }, field);
          if (forged === undefined) continue;
          const { json, eventId } = forged;
          const invite = `/_matrix/federation/v2/invite/${encodeURIComponent(roomId)}/${encodeURIComponent(eventId)}`;
          const sent = sendPath(kind, roomId, eventId, kind === 'knock' ? 'v1' : 'v2');
          const answer =
            kind === 'invite'
              ? await far.ask('PUT', invite, { room_version: '11', event: json, invite_room_state: [json] })
              : await far.ask('PUT', sent, json);
          const what = `${field}: ${JSON.stringify(odd)?.slice(0, 80)}`;
          expect(answer.status, `${what} ${answer.text}`).toBeLessThan(500);
          if (answer.status === 200) taken.push(what);
        }
      }
      // What does not matter may be anything; what matters may not.
      const free =
        /^(unsigned|redacts|event_id|msc4354_sticky|origin|origin_server_ts|depth|prev_events|auth_events|content): /;
      expect(taken.filter((what) => !free.test(what))).toEqual([]);
      if (kind !== 'join') expect(taken).toEqual([]);
      await roomGoesOn();
    },
    120_000,
  );
});

describe('requests with odd lists', () => {
  test('of events to go back from take bounded time, and give nothing that is not there', async () => {
    const join = await goodEvent('join');
    const { json, eventId } = forge(join, '') ?? { json: {}, eventId: '' };
    await far.ask('PUT', sendPath('join', roomId, eventId), json);
    const path = `/_matrix/federation/v1/get_missing_events/${encodeURIComponent(roomId)}`;
    const many = Array.from({ length: 5_000 }, (_, index) => `$${String(index).padStart(43, 'x')}`);
    const { reads, rowsRead } = world.home.storage.tally;
    for (const body of [
      { earliest_events: many, latest_events: many, limit: 2 ** 53 - 1 },
      { earliest_events: [], latest_events: Array(5_000).fill(eventId) as string[], limit: 1 },
      { earliest_events: [], latest_events: [eventId], limit: -5, min_depth: -5 },
      { earliest_events: [eventId], latest_events: [eventId], limit: 50, min_depth: 2 ** 53 - 1 },
    ]) {
      const answer = await far.ask('POST', path, body as JsonObject);
      expect(answer.status).toBe(200);
      expect((answer.body.events as JsonObject[]).length).toBeLessThanOrEqual(1);
    }
    expect(world.home.storage.tally.reads - reads).toBeLessThan(60);
    expect(world.home.storage.tally.rowsRead - rowsRead).toBeLessThan(60);
    const query = many.slice(0, 900).map((one) => `v=${one}`);
    const answer = await far.ask(
      'GET',
      `/_matrix/federation/v1/backfill/${encodeURIComponent(roomId)}?${query.join('&')}&limit=9999999999`,
    );
    expect([answer.status, answer.body.pdus]).toEqual([200, []]);
  });

  test('of room versions are looked through, and name none', async () => {
    const versions = Array.from({ length: 900 }, (_, index) => `ver=x${index}`).join('&');
    const answer = await far.outcome('GET', makePath('join', roomId, far.userId('bob'), versions));
    expect(answer).toEqual([400, 'M_INCOMPATIBLE_ROOM_VERSION']);
  });
});
