import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { trustedPdu } from '@limpet/protocol/parse-pdu';
import { findRoomVersion, ROOM_VERSION_IDS } from '@limpet/protocol/room-version';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import type { EventChange, PublishedChange } from '../src/storage/change.ts';
import { createRemoteWorld, type RemoteServer, type RemoteWorld } from './support/remote-server.ts';
import { createRoomAs, makePath, sendPath, setState } from './support/resident-paths.ts';

let world: RemoteWorld;
let far: RemoteServer;
let alice: Session;

beforeEach(async () => {
  world = await createRemoteWorld(['far.test', 'evil.test']);
  far = world.remote('far.test');
  alice = await world.home.createUser('alice');
});

afterEach(() => world.stop());

const createRoom = (body: JsonObject = {}) => createRoomAs(world.home, alice, body);

async function template(roomId: string, userId = far.userId('bob')): Promise<JsonObject> {
  const { status, body, text } = await far.ask('GET', makePath('join', roomId, userId));
  if (status !== 200) throw new Error(text);
  return body;
}

/** A whole join; the answer to send_join. */
async function join(roomId: string, localpart = 'bob', query = '', remote = far): Promise<JsonObject> {
  const { body } = await remote.ask('GET', makePath('join', roomId, remote.userId(localpart)));
  const { pdu } = remote.complete(body);
  const answer = await remote.ask('PUT', sendPath('join', roomId, pdu.eventId, 'v2', query), pdu.json);
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.body;
}

async function membersOf(roomId: string): Promise<JsonValue[]> {
  const path = `/_matrix/client/v3/rooms/${roomId}/joined_members`;
  const { joined } = await world.home.ok('GET', path, { token: alice.accessToken });
  return Object.keys(joined as JsonObject).sort();
}

function slotsOf(list: JsonValue | undefined): string[] {
  return (list as JsonObject[]).map((event) => `${event.type} ${event.state_key}`).sort();
}

function idsOf(list: JsonValue | undefined, versionId: string): string[] {
  const version = findRoomVersion(versionId);
  if (version === undefined) throw new Error(versionId);
  return (list as JsonObject[]).map((json) => trustedPdu(json, version).eventId);
}

describe('a join of a user of another server', () => {
  test.each(ROOM_VERSION_IDS)('in room version %s brings the state before it and its auth chain', async (version) => {
    const roomId = await createRoom({ room_version: version, name: 'Garden' });
    const changes: PublishedChange[] = [];
    world.home.storage.stream.follow((published) => void changes.push(...published));
    const answer = await join(roomId);
    expect(answer.origin).toBe('home.test');
    expect(answer.members_omitted).toBe(false);
    expect(slotsOf(answer.state)).toEqual([
      'm.room.create ',
      'm.room.guest_access ',
      'm.room.history_visibility ',
      'm.room.join_rules ',
      `m.room.member ${alice.userId}`,
      'm.room.name ',
      'm.room.power_levels ',
    ]);
    const chain = new Set(idsOf(answer.auth_chain, version));
    const stateIds = idsOf(answer.state, version);
    const rests = [...(answer.state as JsonObject[]), answer.event as JsonObject];
    const named = rests.flatMap((json) => trustedPdu(json, findRoomVersion(version) as never).authEvents);
    expect(named.filter((eventId) => !chain.has(eventId))).toEqual([]);
    expect(stateIds).not.toContain(idsOf([answer.event as JsonObject], version)[0]);
    expect(await membersOf(roomId)).toEqual([alice.userId, far.userId('bob')]);
    // We tell the others in the room of it.
    const event = changes.find((change) => change.kind === 'event') as EventChange | undefined;
    expect([event?.stateKey, event?.isToBeSent]).toEqual([far.userId('bob'), true]);
  });

  test('is answered by v1 as a pair', async () => {
    const roomId = await createRoom();
    const { pdu } = far.complete(await template(roomId));
    const { status, text } = await far.ask('PUT', sendPath('join', roomId, pdu.eventId, 'v1'), pdu.json);
    expect(status).toBe(200);
    const [code, answer] = JSON.parse(text) as [number, JsonObject];
    expect([code, answer.origin]).toEqual([200, 'home.test']);
    expect(answer.state).toHaveLength(6);
  });

  test('is taken once more when it comes again, and written once', async () => {
    const roomId = await createRoom();
    const { pdu } = far.complete(await template(roomId));
    const path = sendPath('join', roomId, pdu.eventId);
    const first = await far.ask('PUT', path, pdu.json);
    const changes: PublishedChange[] = [];
    world.home.storage.stream.follow((published) => void changes.push(...published));
    const second = await far.ask('PUT', path, pdu.json);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body.state).toEqual(first.body.state);
    expect(changes).toEqual([]);
  });

  test('without members brings those after whom the room is named, the servers, and nothing twice', async () => {
    const roomId = await createRoom();
    await join(roomId, 'bob');
    const evil = world.remote('evil.test');
    const unnamed = await join(roomId, 'eve', '?omit_members=true', evil);
    expect(unnamed.members_omitted).toBe(true);
    expect((unnamed.servers_in_room as string[]).sort()).toEqual(['far.test', 'home.test']);
    // A room without a name: its heroes are there.
    expect(slotsOf(unnamed.state).filter((slot) => slot.startsWith('m.room.member'))).toHaveLength(2);
    await setState(world.home, alice, roomId, 'm.room.name', { name: 'Garden' });
    const named = await join(roomId, 'mallory', '?omit_members=true', evil);
    expect(slotsOf(named.state).filter((slot) => slot.startsWith('m.room.member'))).toEqual([]);
    const [state, chain] = [idsOf(named.state, '12'), idsOf(named.auth_chain, '12')];
    expect(state.filter((eventId) => chain.includes(eventId))).toEqual([]);
    // What authorizes the state has to be there: the creator's join, for one.
    expect(slotsOf(named.auth_chain)).toContain(`m.room.member ${alice.userId}`);
  });

  test('may go on from a template of another resident', async () => {
    const roomId = await createRoom();
    const answer = await template(roomId);
    await setState(world.home, alice, roomId, 'm.room.topic', { topic: 'Tulips' });
    const { pdu } = far.complete(answer);
    const { status, body } = await far.ask('PUT', sendPath('join', roomId, pdu.eventId), pdu.json);
    expect(status).toBe(200);
    // The state before the join is that of its own branch.
    expect(slotsOf(body.state)).not.toContain('m.room.topic ');
    expect(await membersOf(roomId)).toContain(far.userId('bob'));
  });
});

describe('a join is refused', () => {
  /** How a join fares that is not what was asked for. */
  async function fate(
    roomId: string,
    change: { event?: Parameters<RemoteServer['complete']>[1]; json?: JsonObject; path?: [string, string] },
    remote = far,
  ): Promise<[number, JsonValue | undefined]> {
    const { body } = await remote.ask('GET', makePath('join', roomId, remote.userId('bob')));
    const { pdu } = remote.complete(body, change.event);
    const [pathRoom, pathEvent] = change.path ?? [roomId, pdu.eventId];
    return remote.outcome('PUT', sendPath('join', pathRoom, pathEvent), { ...pdu.json, ...change.json });
  }

  test('for somebody else, with another membership, state key or type', async () => {
    const roomId = await createRoom();
    const before = await membersOf(roomId);
    const content = { membership: 'join' };
    expect(await fate(roomId, { event: { sender: '@eve:evil.test', stateKey: '@eve:evil.test' } })).toEqual([
      403,
      'M_FORBIDDEN',
    ]);
    expect(await fate(roomId, { event: { stateKey: far.userId('other') } })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await fate(roomId, { event: { stateKey: undefined } })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await fate(roomId, { event: { content: { membership: 'leave' } } })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await fate(roomId, { event: { content: {} } })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await fate(roomId, { event: { type: 'm.room.message', content } })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await membersOf(roomId)).toEqual(before);
  });

  test('with a path that names another room or event', async () => {
    const [roomId, other] = [await createRoom(), await createRoom()];
    const { pdu } = far.complete(await template(roomId));
    expect(await fate(roomId, { path: [other, pdu.eventId] })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await fate(roomId, { path: [roomId, `$${'x'.repeat(43)}`] })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await fate(roomId, { path: ['!unknown:home.test', pdu.eventId] })).toEqual([404, 'M_NOT_FOUND']);
    expect(await fate(roomId, { event: { roomId: other } })).toEqual([400, 'M_INVALID_PARAM']);
  });

  test('with a wrong hash or signature, or in a form that is none', async () => {
    const roomId = await createRoom();
    expect(await fate(roomId, { json: { hashes: { sha256: 'AAAA' } } })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await fate(roomId, { json: { signatures: {} } })).toEqual([403, 'M_FORBIDDEN']);
    expect(await fate(roomId, { json: { depth: -1 } })).toEqual([400, 'M_BAD_JSON']);
    expect(await fate(roomId, { json: { prev_events: 'x' } })).toEqual([400, 'M_BAD_JSON']);
    expect(await fate(roomId, { json: { content: null } })).toEqual([400, 'M_BAD_JSON']);
    // The content is not what the hash was made of; the ID does not show it.
    const { pdu } = far.complete(await template(roomId));
    const forged = { ...pdu.json, content: { ...pdu.content, displayname: 'Forged' } };
    const path = sendPath('join', roomId, pdu.eventId);
    expect(await far.outcome('PUT', path, forged)).toEqual([400, 'M_BAD_JSON']);
  });

  test('with a depth, a time or prev_events beyond reason', async () => {
    const roomId = await createRoom();
    expect(await fate(roomId, { json: { depth: 2 ** 63 } })).toEqual([400, 'M_BAD_JSON']);
    expect(await fate(roomId, { json: { origin_server_ts: 2 ** 60 } })).toEqual([400, 'M_BAD_JSON']);
    const ids = Array.from({ length: 21 }, (_, index) => `$${String(index).padStart(43, 'x')}`);
    expect(await fate(roomId, { json: { prev_events: ids } })).toEqual([400, 'M_BAD_JSON']);
    expect(await fate(roomId, { json: { auth_events: ids } })).toEqual([400, 'M_BAD_JSON']);
  });

  test('after events that nobody here knows', async () => {
    const roomId = await createRoom();
    expect(await fate(roomId, { event: { prevEvents: [`$${'p'.repeat(43)}`] } })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await fate(roomId, { event: { authEvents: [`$${'a'.repeat(43)}`] } })).toEqual([400, 'M_INVALID_PARAM']);
  });

  test('by who was banned since the template was made', async () => {
    const roomId = await createRoom();
    const { pdu } = far.complete(await template(roomId));
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${roomId}/ban`, {
      token: alice.accessToken,
      body: { user_id: far.userId('bob') },
    });
    const path = sendPath('join', roomId, pdu.eventId);
    expect(await far.outcome('PUT', path, pdu.json)).toEqual([403, 'M_FORBIDDEN']);
    // And again, now that it is here.
    expect(await far.outcome('PUT', path, pdu.json)).toEqual([403, 'M_FORBIDDEN']);
    expect(await membersOf(roomId)).toEqual([alice.userId]);
  });

  test('by who is shut out by the access control list, and where nobody of ours is any more', async () => {
    const roomId = await createRoom();
    const { pdu } = far.complete(await template(roomId));
    await setState(world.home, alice, roomId, 'm.room.server_acl', { allow: ['*.example'] });
    const path = sendPath('join', roomId, pdu.eventId);
    expect(await far.outcome('PUT', path, pdu.json)).toEqual([403, 'M_FORBIDDEN']);
    const left = await createRoom();
    const late = far.complete(await template(left)).pdu;
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${left}/leave`, { token: alice.accessToken, body: {} });
    expect(await far.outcome('PUT', sendPath('join', left, late.eventId), late.json)).toEqual([404, 'M_NOT_FOUND']);
  });
});

describe('H1 a join to a room with a policy server', () => {
  /** A room that Eve's server watches over. */
  async function watched(): Promise<{ roomId: string; judge: RemoteServer }> {
    const judge = world.remote('evil.test');
    const roomId = await createRoom();
    await join(roomId, 'eve', '', judge);
    const policy = { via: judge.name, public_keys: { ed25519: judge.key.publicKeyBase64 } };
    judge.onPolicyQuestion = (event) => judge.policySignature(event, '12');
    await setState(world.home, alice, roomId, 'm.room.policy', policy);
    return { roomId, judge };
  }

  test('goes on with its signature', async () => {
    const { roomId } = await watched();
    const { event } = await join(roomId);
    const { signatures } = event as JsonObject;
    expect(Object.keys((signatures as JsonObject)['evil.test'] as JsonObject)).toEqual(['ed25519:policy_server']);
    expect(await membersOf(roomId)).toContain(far.userId('bob'));
  });

  test('is refused where it says no', async () => {
    const { roomId, judge } = await watched();
    const { pdu } = far.complete(await template(roomId));
    judge.onPolicyQuestion = () => ({});
    const path = sendPath('join', roomId, pdu.eventId);
    expect(await far.outcome('PUT', path, pdu.json)).toEqual([403, 'M_FORBIDDEN']);
    expect(await membersOf(roomId)).not.toContain(far.userId('bob'));
  });
});

describe('a restricted join', () => {
  /** A room that lets in the members of another one. */
  async function restricted(body: JsonObject = {}): Promise<{ roomId: string; allowed: string }> {
    const allowed = await createRoom();
    const content = { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: allowed }] };
    const rules = { type: 'm.room.join_rules', state_key: '', content };
    return { allowed, roomId: await createRoom({ initial_state: [rules] as never, ...body }) };
  }

  test.each(['8', '9', '10', '11', '12'])('is signed by us, too, in room version %s', async (version) => {
    const { roomId, allowed } = await restricted({ room_version: version });
    await join(allowed);
    const made = await template(roomId);
    const event = made.event as JsonObject;
    expect(event.content).toEqual({ membership: 'join', join_authorised_via_users_server: alice.userId });
    const answer = await join(roomId);
    const signed = answer.event as JsonObject;
    expect(Object.keys(signed.signatures as JsonObject).sort()).toEqual(['far.test', 'home.test']);
    expect(await membersOf(roomId)).toEqual([alice.userId, far.userId('bob')]);
  });

  test('needs nobody who stands for who is invited', async () => {
    const { roomId, allowed } = await restricted();
    await join(allowed);
    expect((await template(roomId)).event).toHaveProperty('content.join_authorised_via_users_server');
    await join(roomId);
    // Who is in it already needs nobody, either.
    expect((await template(roomId)).event).not.toHaveProperty('content.join_authorised_via_users_server');
  });

  test('is sent elsewhere where nobody of ours may invite', async () => {
    const { roomId, allowed } = await restricted({ room_version: '10' });
    await join(allowed);
    const carol = await world.home.createUser('carol');
    const token = carol.accessToken;
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${allowed}/join`, { token, body: {} });
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${roomId}/join`, { token, body: {} });
    const levels = { users: { [alice.userId]: 100 }, invite: 50 };
    await setState(world.home, alice, roomId, 'm.room.power_levels', levels);
    const made = await template(roomId);
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${roomId}/leave`, { token: alice.accessToken, body: {} });
    const bob = far.userId('bob');
    expect(await far.outcome('GET', makePath('join', roomId, bob))).toEqual([400, 'M_UNABLE_TO_GRANT_JOIN']);
    const { pdu } = far.complete(made);
    const path = sendPath('join', roomId, pdu.eventId);
    expect(await far.outcome('PUT', path, pdu.json)).toEqual([400, 'M_UNABLE_TO_GRANT_JOIN']);
  });

  test('is not signed for who is in no allowed room, nor for others to stand for', async () => {
    const { roomId } = await restricted();
    const bob = far.userId('bob');
    const open = await template(await createRoom());
    const draft = { roomId, sender: bob, stateKey: bob };
    const send = async (content: JsonObject) => {
      const { pdu } = far.complete(open, { ...draft, content });
      return far.outcome('PUT', sendPath('join', roomId, pdu.eventId), pdu.json);
    };
    const standing = (userId: JsonValue) => ({ membership: 'join', join_authorised_via_users_server: userId });
    expect(await send(standing(alice.userId))).toEqual([403, 'M_FORBIDDEN']);
    expect(await send(standing('@x:evil.test'))).toEqual([400, 'M_INVALID_PARAM']);
    expect(await send(standing('nobody'))).toEqual([400, 'M_INVALID_PARAM']);
  });

  test('takes nobody who is not in the room, or may not invite, as the one who stands for it', async () => {
    const { roomId, allowed } = await restricted();
    await join(allowed);
    const made = await template(roomId);
    const carol = await world.home.createUser('carol');
    for (const userId of [carol.userId, '@nobody:home.test']) {
      const content = { membership: 'join', join_authorised_via_users_server: userId };
      const { pdu } = far.complete(made, { content });
      const path = sendPath('join', roomId, pdu.eventId);
      expect(await far.outcome('PUT', path, pdu.json)).toEqual([403, 'M_FORBIDDEN']);
    }
  });
});
