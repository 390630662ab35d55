import { buildEvent } from '@limpet/protocol/build-event';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { findRoomVersion, ROOM_VERSION_IDS } from '@limpet/protocol/room-version';
import { signingKeyFromSeed } from '@limpet/protocol/signing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createTestFederation, type TestFederation } from './support/test-federation.ts';
import type { TestServer } from './support/test-server.ts';

/** Two servers of ours: what one asks, the other one answers. */
let federation: TestFederation;
let a: TestServer;
let b: TestServer;
let alice: Session;
let bob: Session;

beforeEach(async () => {
  federation = await createTestFederation(['a.test', 'b.test']);
  a = federation.server('a.test');
  b = federation.server('b.test');
  alice = await a.createUser('alice');
  bob = await b.createUser('bob');
});

afterEach(() => federation.stop());

const V3 = '/_matrix/client/v3';

async function createRoom(body: JsonObject): Promise<string> {
  const answer = await a.ok('POST', `${V3}/createRoom`, { token: alice.accessToken, body });
  return String(answer.room_id);
}

function rules(join_rule: string, allow: JsonValue[] = []): JsonObject {
  return { type: 'm.room.join_rules', state_key: '', content: { join_rule, allow } };
}

/** What Bob does over there. */
const act = (what: string, body: JsonObject = {}) =>
  b.ok('POST', `${V3}/${what}${what.includes('?') ? '&' : '?'}via=a.test`, { token: bob.accessToken, body });

async function membershipAt(server: TestServer, user: Session, roomId: string): Promise<JsonValue | undefined> {
  const path = `${V3}/rooms/${roomId}/state/m.room.member/${encodeURIComponent(bob.userId)}`;
  return (await server.request('GET', path, { token: user.accessToken })).body.membership;
}

describe('between two servers of ours', () => {
  test.each(ROOM_VERSION_IDS)('a user joins, in room version %s', async (version) => {
    const roomId = await createRoom({ preset: 'public_chat', room_version: version, name: 'Garden' });
    await act(`join/${roomId}`);
    expect(await membershipAt(a, alice, roomId)).toBe('join');
    expect(await membershipAt(b, bob, roomId)).toBe('join');
    const name = await b.ok('GET', `${V3}/rooms/${roomId}/state/m.room.name`, { token: bob.accessToken });
    expect(name).toEqual({ name: 'Garden' });
  });

  test('a user is invited, and declines', async () => {
    const roomId = await createRoom({ preset: 'private_chat', invite: [bob.userId] });
    expect(await membershipAt(a, alice, roomId)).toBe('invite');
    await act(`rooms/${roomId}/leave`);
    expect(await membershipAt(a, alice, roomId)).toBe('leave');
  });

  test('a user who was told of another version than the room has joins it all the same', async () => {
    const roomId = await createRoom({ preset: 'public_chat', room_version: '11' });
    const [wrong, right] = [findRoomVersion('10'), findRoomVersion('11')];
    if (wrong === undefined || right === undefined) throw new Error('There are no such versions');
    const draft = { roomId, type: 'm.room.member', stateKey: bob.userId, content: { membership: 'invite' } };
    const built = buildEvent(
      { ...draft, sender: alice.userId, prevEvents: [], authEvents: [], depth: 1, originServerTs: 1 },
      wrong,
      { serverName: 'a.test', key: signingKeyFromSeed('ed25519:x', new Uint8Array(32)) },
    );
    await b.server.services.rooms.receiver.noteRemoteMembership({
      roomId,
      version: wrong,
      event: { ...built, receivedTs: 1 },
      strippedState: [],
    });
    await act(`join/${roomId}`);
    expect((await b.server.services.events.room(roomId))?.version.id).toBe('11');
    await federation.restart('b.test');
    expect((await federation.server('b.test').server.services.events.room(roomId))?.version.id).toBe('11');
  });

  test('a user is invited, and joins', async () => {
    const roomId = await createRoom({ preset: 'private_chat', invite: [bob.userId] });
    await act(`join/${roomId}`);
    expect(await membershipAt(a, alice, roomId)).toBe('join');
  });

  test('a user knocks, and sees what one may know of the room', async () => {
    const roomId = await createRoom({ name: 'Garden', initial_state: [rules('knock')] as never });
    await act(`knock/${roomId}`);
    expect(await membershipAt(a, alice, roomId)).toBe('knock');
    const { rooms } = await b.ok('GET', `${V3}/sync`, { token: bob.accessToken });
    const knocked = ((rooms as JsonObject).knock as JsonObject)[roomId] as JsonObject;
    const types = ((knocked.knock_state as JsonObject).events as JsonObject[]).map(({ type }) => type);
    expect(types).toContain('m.room.name');
  });

  test('a member of a room that is allowed joins a restricted one', async () => {
    const allowed = await createRoom({ preset: 'public_chat' });
    const condition = { type: 'm.room_membership', room_id: allowed };
    const roomId = await createRoom({ initial_state: [rules('restricted', [condition])] as never });
    const early = await b.request('POST', `${V3}/join/${roomId}?via=a.test`, { token: bob.accessToken, body: {} });
    expect([early.status, early.body.errcode]).toEqual([403, 'M_FORBIDDEN']);
    await act(`join/${allowed}`);
    await act(`join/${roomId}`);
    expect(await membershipAt(a, alice, roomId)).toBe('join');
    expect(await membershipAt(b, bob, roomId)).toBe('join');
  });
});
