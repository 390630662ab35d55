import { sign } from 'node:crypto';
import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
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

/** Both halves of a handshake; the answer to the second. */
async function shake(kind: 'join' | 'leave' | 'knock', roomId: string, localpart = 'bob', api = 'v2') {
  const made = await far.ask('GET', makePath(kind, roomId, far.userId(localpart)));
  if (made.status !== 200) throw new Error(made.text);
  const { pdu } = far.complete(made.body);
  return far.ask('PUT', sendPath(kind, roomId, pdu.eventId, kind === 'knock' ? 'v1' : api), pdu.json);
}

async function membershipOf(roomId: string, userId: string): Promise<JsonValue | undefined> {
  const path = `/_matrix/client/v3/rooms/${roomId}/state/m.room.member/${encodeURIComponent(userId)}`;
  return (await world.home.request('GET', path, { token: alice.accessToken })).body.membership;
}

describe('leaving', () => {
  test('lets a member out, by both versions of the endpoint', async () => {
    const roomId = await createRoom();
    for (const [localpart, api, answer] of [
      ['bob', 'v2', '{}'],
      ['ben', 'v1', '[200,{}]'],
    ] as const) {
      await shake('join', roomId, localpart);
      expect(await membershipOf(roomId, far.userId(localpart))).toBe('join');
      expect((await shake('leave', roomId, localpart, api)).text).toBe(answer);
      expect(await membershipOf(roomId, far.userId(localpart))).toBe('leave');
    }
  });

  test('takes a knock back', async () => {
    const rules = { type: 'm.room.join_rules', state_key: '', content: { join_rule: 'knock' } };
    const roomId = await createRoom({ initial_state: [rules] as never });
    await shake('knock', roomId);
    await shake('leave', roomId);
    expect(await membershipOf(roomId, far.userId('bob'))).toBe('leave');
  });

  test('is refused for somebody else and with another membership', async () => {
    const roomId = await createRoom();
    await shake('join', roomId);
    const made = (await far.ask('GET', makePath('leave', roomId, far.userId('bob')))).body;
    const joining = far.complete(made, { content: { membership: 'join' } }).pdu;
    const send = (event: typeof joining) => far.outcome('PUT', sendPath('leave', roomId, event.eventId), event.json);
    expect(await send(joining)).toEqual([400, 'M_INVALID_PARAM']);
    // A kick is for transactions.
    const kick = far.complete(made, { stateKey: alice.userId }).pdu;
    expect(await send(kick)).toEqual([400, 'M_INVALID_PARAM']);
    const forOthers = far.complete(made, { sender: alice.userId, stateKey: alice.userId }).pdu;
    expect(await send(forOthers)).toEqual([403, 'M_FORBIDDEN']);
    expect(await membershipOf(roomId, alice.userId)).toBe('join');
    expect(await membershipOf(roomId, far.userId('bob'))).toBe('join');
  });
});

describe('knocking', () => {
  const knockable = () => {
    const rules = { type: 'm.room.join_rules', state_key: '', content: { join_rule: 'knock' } };
    return createRoom({ name: 'Garden', initial_state: [rules] as never });
  };

  test('is answered with what one may know before one is in, as whole events', async () => {
    const roomId = await knockable();
    const { status, body } = await shake('knock', roomId);
    expect(status).toBe(200);
    const events = body.knock_room_state as JsonObject[];
    expect(events.map(({ type }) => type).sort()).toEqual(['m.room.create', 'm.room.join_rules', 'm.room.name']);
    expect(events.every((event) => 'signatures' in event && 'hashes' in event)).toBe(true);
    expect(await membershipOf(roomId, far.userId('bob'))).toBe('knock');
  });

  test('is refused where the room takes none any more', async () => {
    const roomId = await knockable();
    const made = (await far.ask('GET', makePath('knock', roomId, far.userId('bob')))).body;
    await setState(world.home, alice, roomId, 'm.room.join_rules', { join_rule: 'invite' });
    const { pdu } = far.complete(made);
    const path = sendPath('knock', roomId, pdu.eventId, 'v1');
    expect(await far.outcome('PUT', path, pdu.json)).toEqual([403, 'M_FORBIDDEN']);
    expect(await membershipOf(roomId, far.userId('bob'))).toBeUndefined();
  });
});

describe('an invite by another server', () => {
  const V12 = versionOf('12');
  const V10 = versionOf('10');

  /** A create event of another server's room. */
  function roomOf(remote: RemoteServer, version: RoomVersion): { roomId: string; create: JsonObject } {
    const roomId = version.roomIdIsCreateHash ? {} : { roomId: `!room:${remote.name}` };
    const content = { room_version: version.id, ...(version.creatorIsSender ? {} : { creator: remote.userId('bob') }) };
    const draft = { type: 'm.room.create', sender: remote.userId('bob'), stateKey: '', content };
    const { pdu } = remote.build({ ...draft, ...roomId }, version);
    return { roomId: pdu.roomId, create: pdu.json };
  }

  interface Draft {
    readonly version?: RoomVersion;
    readonly roomId?: string;
    readonly event?: Parameters<RemoteServer['complete']>[1];
    readonly json?: JsonObject;
    readonly roomState?: JsonValue[];
    readonly versionId?: string;
    readonly pathEvent?: string;
    readonly remote?: RemoteServer;
  }

  async function invite(draft: Draft = {}) {
    const { version = V12, remote = far } = draft;
    const { roomId, create } = roomOf(remote, version);
    const event = {
      roomId: draft.roomId ?? roomId,
      type: 'm.room.member',
      sender: remote.userId('bob'),
      stateKey: alice.userId,
      content: { membership: 'invite' },
      prevEvents: [`$${'p'.repeat(43)}`],
      ...draft.event,
    };
    const { pdu } = remote.build(event, version);
    const ids = [draft.roomId ?? roomId, draft.pathEvent ?? pdu.eventId].map(encodeURIComponent).join('/');
    return remote.ask('PUT', `/_matrix/federation/v2/invite/${ids}`, {
      room_version: draft.versionId ?? version.id,
      event: { ...pdu.json, unsigned: { age: 7 }, ...draft.json },
      invite_room_state: draft.roomState ?? [create],
    });
  }

  async function invitesOf(user: Session): Promise<JsonObject> {
    const { rooms } = await world.home.ok('GET', '/_matrix/client/v3/sync', { token: user.accessToken });
    return ((rooms as JsonObject | undefined)?.invite ?? {}) as JsonObject;
  }

  async function outcome(draft: Draft): Promise<[number, JsonValue | undefined]> {
    const { status, body } = await invite(draft);
    return [status, status === 200 ? body : body.errcode];
  }

  test('is refused for who takes none', async () => {
    const setting = `/_matrix/client/v3/user/${alice.userId}/account_data/m.invite_permission_config`;
    await world.home.ok('PUT', setting, { token: alice.accessToken, body: { default_action: 'block' } });
    expect(await outcome({})).toEqual([403, 'M_INVITE_BLOCKED']);
    expect(await invitesOf(alice)).toEqual({});
  });

  test('is signed, given back untouched, and shown to the user', async () => {
    const { status, body } = await invite();
    expect(status).toBe(200);
    const event = body.event as JsonObject;
    expect(Object.keys(event.signatures as JsonObject).sort()).toEqual(['far.test', 'home.test']);
    expect(event.unsigned).toEqual({ age: 7 });
    const { roomId } = roomOf(far, V12);
    const shown = ((await invitesOf(alice))[roomId] as JsonObject).invite_state as JsonObject;
    const slots = (shown.events as JsonObject[]).map(({ type, state_key: key }) => `${type} ${key}`);
    expect(slots.sort()).toEqual(['m.room.create ', `m.room.member ${alice.userId}`]);
    // Stripped, though they came whole.
    for (const stripped of shown.events as JsonObject[]) expect(Object.keys(stripped)).not.toContain('signatures');
  });

  test('may come by version 1 of the endpoint, for the first versions of rooms', async () => {
    const version = versionOf('1');
    const { roomId, create } = roomOf(far, version);
    const draft = { type: 'm.room.member', sender: far.userId('bob'), content: { membership: 'invite' } };
    const { pdu } = far.build({ ...draft, roomId, stateKey: alice.userId }, version);
    const path = `/_matrix/federation/v1/invite/${encodeURIComponent(roomId)}/${encodeURIComponent(pdu.eventId)}`;
    const body = { ...pdu.json, unsigned: { invite_room_state: [create] } };
    const { status, text } = await far.ask('PUT', path, body);
    expect(status).toBe(200);
    const [code, { event }] = JSON.parse(text) as [number, { event: JsonObject }];
    expect([code, Object.keys(event.signatures as JsonObject)]).toEqual([200, ['far.test', 'home.test']]);
    expect(Object.keys(await invitesOf(alice))).toEqual([roomId]);
  });

  test('is refused for who is not there', async () => {
    expect(await outcome({ event: { stateKey: '@nobody:home.test' } })).toEqual([403, 'M_FORBIDDEN']);
    expect(await outcome({ event: { stateKey: '@carol:evil.test' } })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await outcome({ event: { stateKey: 'alice' } })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await invitesOf(alice)).toEqual({});
  });

  test('is refused in a room version that is not known, with its name', async () => {
    const { status, body } = await invite({ versionId: 'org.example.99' });
    expect([status, body.errcode, body.room_version]).toEqual([400, 'M_INCOMPATIBLE_ROOM_VERSION', 'org.example.99']);
  });

  test('is refused where it is none, or not that of the path', async () => {
    expect(await outcome({ event: { content: { membership: 'join' } } })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await outcome({ event: { type: 'm.room.name' } })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await outcome({ pathEvent: `$${'x'.repeat(43)}` })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await outcome({ json: { depth: 'deep' } })).toEqual([400, 'M_BAD_JSON']);
    expect(await outcome({ version: V10, versionId: '1' })).toEqual([400, 'M_BAD_JSON']);
    // Room IDs that are hashes are for version 12 alone.
    expect(await outcome({ versionId: '1' })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await outcome({ version: V10, versionId: '12' })).toEqual([400, 'M_INVALID_PARAM']);
  });

  test('is refused with a wrong signature, and by who is not of the sender', async () => {
    expect(await outcome({ json: { signatures: {} } })).toEqual([403, 'M_FORBIDDEN']);
    expect(await outcome({ event: { sender: '@x:evil.test' } })).toEqual([403, 'M_FORBIDDEN']);
    // Whom a third party invites, his room alone can tell.
    const content = { membership: 'invite', third_party_invite: { signed: { mxid: alice.userId, token: 'x' } } };
    expect(await outcome({ event: { sender: '@x:evil.test', content } })).toEqual([403, 'M_FORBIDDEN']);
    const roomId = await createRoom();
    const inRoom = { sender: '@x:evil.test', content, stateKey: '@bea:home.test', prevEvents: [] };
    await world.home.createUser('bea');
    expect((await outcome({ roomId, roomState: [], event: inRoom }))[0]).not.toBe(500);
    expect(await membershipOf(roomId, '@bea:home.test')).toBeUndefined();
    const forged = { 'far.test': { [far.key.keyId]: 'A'.repeat(86) } };
    expect(await outcome({ json: { signatures: forged } })).toEqual([403, 'M_FORBIDDEN']);
    expect(await invitesOf(alice)).toEqual({});
  });

  test('may not show the create event of another room', async () => {
    const other = far.build(
      { type: 'm.room.create', sender: far.userId('eve'), stateKey: '', content: { room_version: '12', name: 'x' } },
      V12,
    ).pdu.json;
    expect(await outcome({ roomState: [other] })).toEqual([400, 'M_MISSING_PARAM']);
    // Stripped ones are taken, and so is what earlier versions have.
    const stripped = { type: 'm.room.create', state_key: '', sender: far.userId('bob'), content: {} };
    expect((await invite({ roomState: [stripped, 7, null, { type: 'x' }] as never })).status).toBe(400);
    expect((await invite({ roomState: [stripped, { type: 'x' }] })).status).toBe(200);
    expect((await invite({ version: V10 })).status).toBe(200);
  });

  test('drops what of the room is beyond measure', async () => {
    const long = {
      type: 'm.room.topic',
      state_key: '',
      sender: far.userId('bob'),
      content: { topic: 'x'.repeat(60_000) },
    };
    const roomState = Array.from({ length: 10 }, (_, index) => ({ ...long, state_key: `${index}` }));
    expect((await invite({ roomState })).status).toBe(200);
    const { roomId } = roomOf(far, V12);
    const text = JSON.stringify((await invitesOf(alice))[roomId]);
    expect(text.length).toBeLessThan(300_000);
  });

  test('to a room that we are in has to pass its rules', async () => {
    const roomId = await createRoom();
    const carol = await world.home.createUser('carol');
    await shake('join', roomId);
    const made = (await far.ask('GET', makePath('join', roomId, far.userId('bob')))).body;
    const template = made.event as JsonObject;
    const event = {
      prevEvents: template.prev_events as string[],
      authEvents: template.auth_events as string[],
      depth: template.depth as number,
      stateKey: carol.userId,
    };
    expect((await invite({ roomId, event, roomState: [] })).status).toBe(200);
    // It is read by the version of the room, whatever is claimed.
    const lie = { roomId, event, roomState: [], version: V10, versionId: '10' };
    expect(await outcome(lie)).toEqual([400, 'M_INVALID_PARAM']);
    expect(await membershipOf(roomId, carol.userId)).toBe('invite');
    expect(Object.keys(await invitesOf(carol))).toEqual([roomId]);
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${roomId}/ban`, {
      token: alice.accessToken,
      body: { user_id: carol.userId },
    });
    expect(await outcome({ roomId, event: { ...event, originServerTs: 1 }, roomState: [] })).toEqual([
      403,
      'M_FORBIDDEN',
    ]);
    await setState(world.home, alice, roomId, 'm.room.server_acl', { allow: ['home.test'] });
    expect(await outcome({ roomId, event, roomState: [] })).toEqual([403, 'M_FORBIDDEN']);
  });
});

test('a lie about the version of a room that we are in is found out', async () => {
  const roomId = await createRoom({ room_version: '10' });
  const version = versionOf('1');
  const draft = { type: 'm.room.member', sender: far.userId('bob'), content: { membership: 'invite' } };
  const { pdu } = far.build({ ...draft, roomId, stateKey: alice.userId }, version);
  const ids = [roomId, pdu.eventId].map(encodeURIComponent).join('/');
  const body = { room_version: '1', event: pdu.json, invite_room_state: [] };
  expect(await far.outcome('PUT', `/_matrix/federation/v2/invite/${ids}`, body)).toEqual([400, 'M_INVALID_PARAM']);
  expect(await far.outcome('PUT', `/_matrix/federation/v1/invite/${ids}`, pdu.json)).toEqual([400, 'M_INVALID_PARAM']);
});

describe('an invite by a third party', () => {
  /** A room with a pending invite, and what the identity server says of whose it is now. */
  async function pending() {
    const identity = world.remote('evil.test');
    const roomId = await createRoom({ preset: 'private_chat' });
    const path = `/_matrix/client/v3/rooms/${roomId}/state/m.room.third_party_invite/token`;
    const content = {
      display_name: 'b...@e...',
      public_key: identity.key.publicKeyBase64,
      key_validity_url: 'https://identity.example/valid',
    };
    await world.home.ok('PUT', path, { token: alice.accessToken, body: content });
    const statement = { mxid: far.userId('bob'), token: 'token' };
    const signature = sign(null, Buffer.from(encodeCanonicalJson(statement)), identity.key.privateKey);
    const signatures = { identity: { 'ed25519:0': signature.toString('base64').replace(/=+$/, '') } };
    const body = {
      type: 'm.room.member',
      room_id: roomId,
      sender: alice.userId,
      state_key: far.userId('bob'),
      content: {
        membership: 'invite',
        third_party_invite: { display_name: 'b...@e...', signed: { ...statement, signatures } },
      },
    };
    return { roomId, body };
  }

  const exchange = (roomId: string, body: JsonObject, remote = far) =>
    remote.outcome('PUT', `/_matrix/federation/v1/exchange_third_party_invite/${encodeURIComponent(roomId)}`, body);

  test('becomes one by user ID, signed by the server of the user', async () => {
    const { roomId, body } = await pending();
    far.onInvite = (event) => far.countersign(event, versionOf('12'));
    expect(await exchange(roomId, body)).toEqual([200, {}]);
    expect(await membershipOf(roomId, far.userId('bob'))).toBe('invite');
  });

  test('is refused with the wrong statement, for others, and where nobody of ours is', async () => {
    const { roomId, body } = await pending();
    far.onInvite = (event) => far.countersign(event, versionOf('12'));
    const signed = { ...(body.content.third_party_invite.signed as JsonObject), token: 'other' };
    const forged = { ...body, content: { ...body.content, third_party_invite: { display_name: 'x', signed } } };
    expect(await exchange(roomId, forged)).toEqual([403, 'M_FORBIDDEN']);
    expect(await exchange(roomId, { ...body, state_key: '@eve:evil.test' })).toEqual([403, 'M_FORBIDDEN']);
    expect(await exchange(roomId, { ...body, sender: '@other:home.test' })).toEqual([403, 'M_FORBIDDEN']);
    expect(await exchange(roomId, { ...body, room_id: '!other:home.test' })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await exchange(roomId, { ...body, type: 'm.room.name' })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await exchange(roomId, { ...body, content: { membership: 'invite' } })).toEqual([400, 'M_MISSING_PARAM']);
    const unknown = '!unknown:home.test';
    expect(await exchange(unknown, { ...body, room_id: unknown })).toEqual([404, 'M_NOT_FOUND']);
    await world.home.ok('POST', `/_matrix/client/v3/rooms/${roomId}/leave`, { token: alice.accessToken, body: {} });
    expect(await exchange(roomId, body)).toEqual([404, 'M_NOT_FOUND']);
  });

  test('a binding is taken note of, and nothing comes of it', async () => {
    const path = '/_matrix/federation/v1/3pid/onbind';
    const body = { medium: 'email', address: 'a@example.com', mxid: alice.userId, invites: [{ room_id: '!x:y' }] };
    expect((await world.home.request('PUT', path, { body })).body).toEqual({});
    expect((await world.home.request('PUT', path, { body: {} })).body.errcode).toBe('M_MISSING_PARAM');
  });
});

function versionOf(id: string): RoomVersion {
  const version = findRoomVersion(id);
  if (version === undefined) throw new Error(`There is no room version ${id}`);
  return version;
}
