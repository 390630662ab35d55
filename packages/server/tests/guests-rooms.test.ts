import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defineStatement } from '../src/storage/statement.ts';
import { createTestServer, type Method, type TestServer } from './support/test-server.ts';
import { openTestStorage } from './support/test-storage.ts';

const V3 = '/_matrix/client/v3';
const CONFIG = { registration: { mode: 'open', guests: true } };

let server: TestServer;
let host: string;
let roomId: string;

beforeAll(async () => {
  server = await createTestServer({ config: CONFIG });
  host = (await server.createUser('host')).accessToken;
  roomId = await makeRoom('can_join');
});

afterAll(() => server.stop());

async function makeRoom(guestAccess: string, { on = server, token = host } = {}): Promise<string> {
  const initialState = [{ type: 'm.room.guest_access', state_key: '', content: { guest_access: guestAccess } }];
  const body = { preset: 'public_chat', initial_state: initialState };
  return String((await on.ok('POST', `${V3}/createRoom`, { token, body })).room_id);
}

interface Guest {
  readonly token: string;
  readonly userId: string;
}

async function newGuest(on = server): Promise<Guest> {
  const answer = await on.ok('POST', `${V3}/register?kind=guest`, { body: {} });
  return { token: String(answer.access_token), userId: String(answer.user_id) };
}

function as(guest: Guest, method: Method, path: string, body?: JsonObject) {
  return server.request(method, `${V3}/${path}`, { token: guest.token, ...(body === undefined ? {} : { body }) });
}

async function membershipOf({ userId }: Guest, room: string, { on = server, token = host } = {}): Promise<unknown> {
  const path = `${V3}/rooms/${room}/state/m.room.member/${userId}`;
  return (await on.request('GET', path, { token })).body.membership;
}

const FORBIDDEN = { status: 403, body: { errcode: 'M_GUEST_ACCESS_FORBIDDEN' } };

describe('a guest', () => {
  test('comes in without a password, is told apart, and has a device', async () => {
    const body = { initial_device_display_name: 'Browser', device_id: 'CHOSEN', username: 'chosen', password: 'x' };
    const answer = await server.ok('POST', `${V3}/register?kind=guest`, { body });
    const guest = { token: String(answer.access_token), userId: String(answer.user_id) };
    expect(guest.userId).not.toContain('chosen');
    const { body: whoami } = await as(guest, 'GET', 'account/whoami');
    expect(whoami).toMatchObject({ user_id: guest.userId, is_guest: true });
    expect(whoami.device_id).not.toBe('CHOSEN');
    expect((await as(guest, 'GET', 'devices')).body).toMatchObject({ devices: [{ display_name: 'Browser' }] });
  });

  test('joins a room that lets guests in, speaks there, and hears', async () => {
    const guest = await newGuest();
    const name = await as(guest, 'PUT', `profile/${guest.userId}/displayname`, { displayname: 'Visitor' });
    const join = await as(guest, 'POST', `rooms/${roomId}/join`, {});
    const said = await as(guest, 'PUT', `rooms/${roomId}/send/m.room.message/1`, { body: 'hello' });
    expect([name.status, join.status, said.status]).toEqual([200, 200, 200]);
    const { body } = await as(guest, 'GET', 'sync');
    expect(body).toMatchObject({ rooms: { join: { [roomId]: { timeline: { events: expect.any(Array) } } } } });
    expect(await as(guest, 'POST', `rooms/${roomId}/leave`, {})).toMatchObject({ status: 200 });
  });

  test('gets into no other room, whichever way', async () => {
    const guest = await newGuest();
    const closed = await makeRoom('forbidden');
    expect(await as(guest, 'POST', `rooms/${closed}/join`, {})).toMatchObject(FORBIDDEN);
    expect(await as(guest, 'POST', `join/${closed}`, {})).toMatchObject(FORBIDDEN);
    const member = `rooms/${closed}/state/m.room.member/${guest.userId}`;
    expect(await as(guest, 'PUT', member, { membership: 'join' })).toMatchObject(FORBIDDEN);
    await server.ok('POST', `${V3}/rooms/${closed}/invite`, { token: host, body: { user_id: guest.userId } });
    expect(await as(guest, 'POST', `join/${closed}`, {})).toMatchObject(FORBIDDEN);
    expect(await membershipOf(guest, closed)).toBe('invite');
  });

  test.each<[Method, string, JsonObject | undefined]>([
    ['POST', 'createRoom', {}],
    ['POST', 'account/password', {}],
    ['POST', 'account/deactivate', {}],
    ['POST', 'rooms/!x:localhost/invite', { user_id: '@host:localhost' }],
    ['GET', 'joined_rooms', undefined],
    ['GET', 'account/3pid', undefined],
    ['POST', 'delete_devices', {}],
    ['PUT', 'profile/USER/avatar_url', { avatar_url: 'mxc://x/y' }],
  ])('may not %s %s', async (method, path, body) => {
    const guest = await newGuest();
    expect(await as(guest, method, path.replace('USER', guest.userId), body)).toMatchObject(FORBIDDEN);
  });

  test('leaves when the room lets no guests in any more, and users stay', async () => {
    const room = await makeRoom('can_join');
    const guests = [await newGuest(), await newGuest()];
    for (const guest of guests) await as(guest, 'POST', `rooms/${room}/join`, {});
    const path = `${V3}/rooms/${room}/state/m.room.guest_access`;
    await server.ok('PUT', path, { token: host, body: { guest_access: 'forbidden' } });
    for (const guest of guests) await expect.poll(() => membershipOf(guest, room)).toBe('leave');
    const { body } = await server.request('GET', `${V3}/rooms/${room}/joined_members`, { token: host });
    expect(Object.keys(body.joined as JsonObject)).toEqual(['@host:localhost']);
  });
});

describe('a guest who becomes a user', () => {
  function register(guest: Guest, more: JsonObject = {}) {
    const username = guest.userId.slice(1).split(':')[0] ?? '';
    const auth = { type: 'm.login.dummy' };
    const body = { username, password: 'a good password', guest_access_token: guest.token, auth, ...more };
    return server.request('POST', `${V3}/register`, { body });
  }

  const REFUSED = { status: 403, body: { errcode: 'M_FORBIDDEN' } };

  test('keeps name and rooms, and may do what users may', async () => {
    const guest = await newGuest();
    await as(guest, 'POST', `rooms/${roomId}/join`, {});
    const answer = await register(guest);
    expect(answer).toMatchObject({ status: 200, body: { user_id: guest.userId } });
    const user = { userId: guest.userId, token: String(answer.body.access_token) };
    expect((await as(user, 'GET', 'account/whoami')).body).toMatchObject({ is_guest: false });
    expect((await as(user, 'GET', 'joined_rooms')).body).toEqual({ joined_rooms: [roomId] });
    expect(await as(guest, 'GET', 'joined_rooms')).toMatchObject({ status: 200 });
    expect(await register(guest)).toMatchObject(REFUSED);
  });

  test('has to keep the name, and to be a guest', async () => {
    const guest = await newGuest();
    expect(await register(guest, { username: 'another' })).toMatchObject(REFUSED);
    expect(await register(guest, { guest_access_token: 'nonsense' })).toMatchObject(REFUSED);
    expect(await register({ userId: '@host:localhost', token: host })).toMatchObject(REFUSED);
  });
});

const forgetGuestAccess = defineStatement<Record<string, never>>(
  `delete from current_state where slot_nid in
     (select slot_nid from state_slots where type = 'm.room.guest_access')`,
);

test('a server without guests says so, and guests left in closed rooms leave at the next start', async () => {
  const storage = await openTestStorage();
  const first = await createTestServer({ storage, config: CONFIG });
  const guest = await newGuest(first);
  const token = (await first.createUser('host')).accessToken;
  const room = await makeRoom('can_join', { on: first, token });
  await first.ok('POST', `${V3}/join/${room}`, { token: guest.token, body: {} });
  await first.stop();
  // As if it had stopped right after the room closed.
  await storage.write((transaction) => transaction.run(forgetGuestAccess, {}));
  const on = await createTestServer({ storage });
  await expect.poll(() => membershipOf(guest, room, { on, token })).toBe('leave');
  expect(await on.request('POST', `${V3}/register?kind=guest`, { body: {} })).toMatchObject(FORBIDDEN);
  await on.stop();
  await storage.close();
});
