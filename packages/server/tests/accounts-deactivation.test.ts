import { parseUserId, type UserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { selectProfile } from '../src/storage/queries/profiles.ts';
import { selectUsersWhoLeave } from '../src/storage/queries/users.ts';
import { SigningUser, signedDeviceKeys } from './support/signing-user.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';
import { openTestStorage } from './support/test-storage.ts';

const V3 = '/_matrix/client/v3';
const STICKY = 'org.matrix.msc4354.sticky_duration_ms=3600000';

let server: TestServer;
let host: Session;

beforeAll(async () => {
  server = await createTestServer();
  host = await server.createUser('host');
});

afterAll(() => server.stop());

interface Sent {
  readonly event_id: string;
}

async function makeRoom(): Promise<string> {
  const body = { preset: 'public_chat' };
  return String((await server.ok('POST', `${V3}/createRoom`, { token: host.accessToken, body })).room_id);
}

function join(roomId: string, { accessToken: token }: Session): Promise<JsonObject> {
  return server.ok('POST', `${V3}/join/${roomId}`, { token, body: {} });
}

let count = 0;

async function say(roomId: string, { accessToken: token }: Session, query = ''): Promise<string> {
  count++;
  const path = `${V3}/rooms/${roomId}/send/m.room.message/${count}?${query}`;
  const sent = await server.ok('PUT', path, { token, body: { msgtype: 'm.text', body: 'private words' } });
  return (sent as unknown as Sent).event_id;
}

/** What a user sees of an event, as its content; `undefined` where it is not to be seen. */
async function contentOf(roomId: string, eventId: string, { accessToken: token }: Session): Promise<unknown> {
  const answer = await server.request('GET', `${V3}/rooms/${roomId}/event/${eventId}`, { token });
  return answer.body.content;
}

async function contentsIn(roomId: string, { accessToken: token }: Session): Promise<string> {
  const messages = await server.ok('GET', `${V3}/rooms/${roomId}/messages?dir=b&limit=100`, { token });
  const sync = await server.ok('GET', `${V3}/sync`, { token });
  return JSON.stringify([messages, sync]);
}

async function end(name: string, erase: boolean, roomIds: readonly string[]): Promise<void> {
  await server.server.admin.deactivateUser({ name, erase });
  for (const roomId of roomIds) {
    const path = `${V3}/rooms/${roomId}/state/m.room.member/@${name}:localhost`;
    const membership = async () => (await server.request('GET', path, { token: host.accessToken })).body.membership;
    await expect.poll(membership).toBe('leave');
  }
}

const WORDS = { msgtype: 'm.text', body: 'private words' };

describe('a user who is erased', () => {
  test('is read on by who could read before, and shown as redacted to who comes later', async () => {
    const roomId = await makeRoom();
    const [erased, there, parted, late] = [
      await server.createUser('erased'),
      await server.createUser('there'),
      await server.createUser('parted'),
      await server.createUser('late'),
    ];
    for (const user of [erased, parted]) await join(roomId, user);
    const said = await say(roomId, erased);
    await server.ok('POST', `${V3}/rooms/${roomId}/leave`, { token: parted.accessToken, body: {} });
    await join(roomId, there);
    await end('erased', true, [roomId]);
    await join(roomId, late);
    expect(await contentOf(roomId, said, host)).toEqual(WORDS);
    expect(await contentOf(roomId, said, there)).toEqual(WORDS);
    expect(await contentOf(roomId, said, parted)).toEqual(WORDS);
    expect(await contentOf(roomId, said, late)).toEqual({});
    expect(await contentsIn(roomId, there)).toContain('private words');
    expect(await contentsIn(roomId, late)).not.toContain('private words');
    // Who was there when it was said may read it again after coming back.
    await join(roomId, parted);
    expect(await contentOf(roomId, said, parted)).toEqual(WORDS);
  });

  test('leaves no name behind in what was before the last event of the user', async () => {
    const roomId = await makeRoom();
    const [named, late] = [await server.createUser('named'), await server.createUser('late-reader')];
    const path = `${V3}/profile/@named:localhost/displayname`;
    await server.ok('PUT', path, { token: named.accessToken, body: { displayname: 'My real name' } });
    await join(roomId, named);
    await end('named', true, [roomId]);
    await join(roomId, late);
    expect(await contentsIn(roomId, host)).toContain(
      '"prev_content":{"membership":"join","displayname":"My real name"}',
    );
    expect(await contentsIn(roomId, late)).not.toContain('My real name');
  });

  test('is found by their words by nobody who comes later', async () => {
    const roomId = await makeRoom();
    const [wordy, late] = [await server.createUser('wordy'), await server.createUser('late-seeker')];
    await join(roomId, wordy);
    await say(roomId, wordy);
    await end('wordy', true, [roomId]);
    await join(roomId, late);
    const search_categories = { room_events: { search_term: 'private', filter: { rooms: [roomId] } } };
    const find = async ({ accessToken: token }: Session) =>
      server.ok('POST', `${V3}/search`, { token, body: { search_categories } });
    expect(await find(host)).toMatchObject({ search_categories: { room_events: { count: 1 } } });
    expect(await find(late)).toMatchObject({ search_categories: { room_events: { count: 0, results: [] } } });
  });

  test('D5: is heard no more by sticky events, and the others are', async () => {
    const roomId = await makeRoom();
    const [gone, late] = [await server.createUser('gone'), await server.createUser('late-too')];
    await join(roomId, gone);
    const [ofGone, ofHost] = [await say(roomId, gone, STICKY), await say(roomId, host, STICKY)];
    for (let filler = 0; filler < 30; filler++) await say(roomId, host);
    await end('gone', true, [roomId]);
    await join(roomId, late);
    const sync = await server.ok('GET', `${V3}/sync`, { token: late.accessToken });
    expect(JSON.stringify(sync)).toContain(ofHost);
    expect(JSON.stringify(sync)).not.toContain(ofGone);
    expect(await contentOf(roomId, ofGone, late)).toEqual({});
  });

  test('has no profile and no account data left; who is not erased is read by all', async () => {
    const roomId = await makeRoom();
    const user = await server.createUser('plain');
    await join(roomId, user);
    const said = await say(roomId, user);
    await end('plain', false, [roomId]);
    const late = await server.createUser('late-again');
    await join(roomId, late);
    expect(await contentOf(roomId, said, late)).toEqual(WORDS);
    const rows = await server.server.services.accounts.accountData.changed('@erased:localhost', undefined);
    expect(rows).toEqual([]);
  });
});

test('an account that ended while it joined a room does not stay there', async () => {
  const roomId = await makeRoom();
  const { userId } = await server.createUser('hasty');
  await end('hasty', false, []);
  const joining = server.server.services.rooms.membershipChanges.join({ roomId, userId });
  await expect(joining).rejects.toMatchObject({ errcode: 'M_USER_DEACTIVATED' });
  const path = `${V3}/rooms/${roomId}/state/m.room.member/${userId}`;
  expect(await server.ok('GET', path, { token: host.accessToken })).toMatchObject({ membership: 'leave' });
});

describe('requests that are under way when their account ends', () => {
  const METHOD = { algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2', authData: {} };
  const ROOM = {
    ...{ isListed: false, preset: undefined, roomAliasName: undefined, name: undefined, topic: undefined, invite: [] },
    ...{
      isDirect: false,
      roomVersion: undefined,
      creationContent: {},
      initialState: [],
      powerLevelContentOverride: {},
    },
  };

  /** A request that the account makes, and that goes on once it has ended. */
  async function endDuring(name: string, work: (userId: UserId) => Promise<void>): Promise<UserId> {
    const userId = parseUserId((await server.createUser(name)).userId);
    const ended = Promise.withResolvers<void>();
    const request = server.server.services.accounts.requests.run(userId, async () => {
      await ended.promise;
      await work(userId);
    });
    await server.server.admin.deactivateUser({ name, erase: true });
    ended.resolve();
    await request;
    return userId;
  }

  const isLeaving = async (userId: UserId) =>
    (await server.storage.read(selectUsersWhoLeave, {})).some((row) => row.user_id === userId);

  test('join nothing for good: neither by a state event nor by making a room', async () => {
    const { rooms, memberships, events } = server.server.services;
    const roomId = await makeRoom();
    const userId = await endDuring('joiner', async (user) => {
      const state = { roomId, sender: { userId: user }, type: 'm.room.member', stateKey: user };
      await rooms.sending.setState({ ...state, content: { membership: 'join' } });
      await rooms.createRoom({ ...ROOM, creator: user });
    });
    await expect.poll(() => isLeaving(userId)).toBe(false);
    const now = await memberships.ofUser(userId);
    expect(now.map(({ membership }) => membership)).toEqual(['leave', 'leave']);
    expect((await events.rooms(now.map(({ roomNid }) => roomNid))).size).toBe(2);
  });

  test('leave nothing private behind', async () => {
    const { accounts, encryption } = server.server.services;
    const userId = await endDuring('writer', async (user) => {
      await accounts.accountData.set({ userId: user, roomId: undefined, type: 'm.notes' }, { private: true });
      await accounts.profiles.setField(user, 'displayname', 'Real Name');
      await encryption.keyBackups.create(user, METHOD);
      const deviceKeys = signedDeviceKeys(user, 'DRY', 50);
      const dry = { deviceId: 'DRY', displayName: undefined, data: { algorithm: 'dry' }, deviceKeys };
      await encryption.dehydratedDevices.put(user, { ...dry, oneTimeKeys: {}, fallbackKeys: {} });
      await encryption.signingKeys.keep(user, new SigningUser(user, 1).keys(), { isProven: true });
    });
    await expect.poll(() => isLeaving(userId)).toBe(false);
    expect(await accounts.accountData.changed(userId, undefined)).toEqual([]);
    await expect(encryption.keyBackups.current(userId)).rejects.toMatchObject({ errcode: 'M_NOT_FOUND' });
    await expect(encryption.dehydratedDevices.get(userId)).rejects.toMatchObject({ errcode: 'M_NOT_FOUND' });
    expect((await encryption.signingKeys.of([userId])).get(userId)).toBeUndefined();
    expect(await accounts.devices.list(userId)).toEqual([]);
    expect((await server.storage.read(selectProfile, { userId })).length).toBe(0);
  });

  test('are waited for as long as they take, and no further one begins', async () => {
    const user = await server.createUser('waiting');
    // That it leaves the room is what ends the request.
    await join(await makeRoom(), user);
    const { requests } = server.server.services.accounts;
    const { next_batch: since } = await server.ok('GET', `${V3}/sync`, { token: user.accessToken });
    const path = `${V3}/sync?timeout=30000&since=${since}`;
    const waiting = server.request('GET', path, { token: user.accessToken });
    await expect.poll(() => requests.underWay(user.userId) !== undefined).toBe(true);
    await server.server.admin.deactivateUser({ name: 'waiting', erase: false });
    await waiting;
    expect(requests.underWay(user.userId)).toBeUndefined();
    await expect(requests.run(user.userId, () => 'never')).rejects.toMatchObject({ errcode: 'M_UNKNOWN_TOKEN' });
  });
});

test('erasure holds after a restart, and rooms that were not left yet are left then', async () => {
  const storage = await openTestStorage();
  const first = await createTestServer({ storage });
  const [alice, bob] = [await first.createUser('alice'), await first.createUser('bob')];
  const body = { preset: 'public_chat' };
  const { room_id: roomId } = await first.ok('POST', `${V3}/createRoom`, { token: alice.accessToken, body });
  await first.ok('POST', `${V3}/join/${roomId}`, { token: bob.accessToken, body: {} });
  const path = `${V3}/rooms/${roomId}/send/m.room.message/1`;
  const { event_id: said } = await first.ok('PUT', path, { token: bob.accessToken, body: WORDS });
  // As if the server stopped before the first room was left.
  await first.server.services.rooms.departures.stop();
  await first.server.admin.deactivateUser({ name: 'bob', erase: true });
  await first.stop();
  const second = await createTestServer({ storage, seed: 2 });
  const member = `${V3}/rooms/${roomId}/state/m.room.member/@bob:localhost`;
  const membership = async () => (await second.request('GET', member, { token: alice.accessToken })).body.membership;
  await expect.poll(membership).toBe('leave');
  const late = await second.createUser('late');
  await second.ok('POST', `${V3}/join/${roomId}`, { token: late.accessToken, body: {} });
  const seen = await second.ok('GET', `${V3}/rooms/${roomId}/event/${said}`, { token: late.accessToken });
  expect(seen.content).toEqual({});
  await second.stop();
  await storage.close();
});
