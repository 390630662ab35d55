import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createTestFederation, type TestFederation } from './support/test-federation.ts';
import type { TestResponse } from './support/test-server.ts';

const CLIENT = '/_matrix/client/v3';
const opened: TestFederation[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((federation) => federation.stop()));
});

interface Person extends Session {
  ask(method: 'GET' | 'POST' | 'PUT', path: string, body?: JsonObject): Promise<TestResponse>;
  /** As `ask`, and throws unless the answer is 200. */
  ok(method: 'GET' | 'POST' | 'PUT', path: string, body?: JsonObject): Promise<JsonObject>;
  say(roomId: string, body: string): Promise<unknown>;
  /** The room as an initial sync shows it: by section. */
  room(section: 'join' | 'invite' | 'knock' | 'leave', roomId: string): Promise<Room | undefined>;
  membershipOf(roomId: string, userId: string): Promise<unknown>;
}

interface Room {
  readonly timeline?: { readonly events: readonly Shown[] };
  readonly state?: { readonly events: readonly Shown[] };
  readonly invite_state?: { readonly events: readonly Shown[] };
  readonly knock_state?: { readonly events: readonly Shown[] };
}

interface Shown {
  readonly type: string;
  readonly state_key?: string;
  readonly content: JsonObject;
}

interface World {
  readonly federation: TestFederation;
  /** On a.test, b.test and c.test. */
  readonly alice: Person;
  readonly bob: Person;
  readonly carol: Person;
}

async function start(): Promise<World> {
  const federation = await createTestFederation(['a.test', 'b.test', 'c.test']);
  opened.push(federation);
  const person = async (name: string, serverName: string): Promise<Person> => {
    const session = await federation.server(serverName).createUser(name);
    let count = 0;
    const ask: Person['ask'] = (method, path, body) =>
      federation.server(serverName).request(method, `${CLIENT}/${path}`, {
        token: session.accessToken,
        ...(method === 'GET' ? {} : { body: body ?? {} }),
      });
    const ok: Person['ok'] = async (method, path, body) => {
      const answer = await ask(method, path, body);
      if (answer.status !== 200) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text}`);
      return answer.body;
    };
    return {
      ...session,
      ask,
      ok,
      say: (roomId, body) => ok('PUT', `rooms/${roomId}/send/m.room.message/${++count}`, { msgtype: 'm.text', body }),
      async room(section, roomId) {
        const filter = encodeURIComponent(JSON.stringify({ room: { include_leave: true } }));
        const { rooms } = (await ok('GET', `sync?timeout=0&filter=${filter}`)) as never as {
          rooms?: Record<string, Record<string, Room>>;
        };
        return rooms?.[section]?.[roomId];
      },
      async membershipOf(roomId, userId) {
        const { body } = await ask('GET', `rooms/${roomId}/state/m.room.member/${encodeURIComponent(userId)}`);
        return body.membership ?? body.errcode;
      },
    };
  };
  const [alice, bob] = [await person('alice', 'a.test'), await person('bob', 'b.test')];
  return { federation, alice, bob, carol: await person('carol', 'c.test') };
}

async function createRoom(creator: Person, body: JsonObject = { preset: 'public_chat' }): Promise<string> {
  return String((await creator.ok('POST', 'createRoom', body)).room_id);
}

/** The room's state, in a form that two servers can be compared by. */
async function stateOf(person: Person, roomId: string): Promise<unknown[]> {
  const events = (await person.ok('GET', `rooms/${roomId}/state`)) as never as { event_id: string }[];
  return events.map((event) => event.event_id).sort();
}

async function messagesOf(person: Person, roomId: string): Promise<unknown[]> {
  const { chunk } = await person.ok('GET', `rooms/${roomId}/messages?dir=b&limit=100`);
  const events = chunk as unknown as Shown[];
  return events.filter(({ type }) => type === 'm.room.message').map(({ content }) => content.body);
}

function failure({ status, body }: TestResponse): unknown[] {
  return [status, body.errcode];
}

describe('joining between servers of ours', () => {
  test.each(['1', '2', '6', '9', '10', '11', '12'])(
    'a room of version %s: the state is the same, the past is read',
    async (version) => {
      const { alice, bob } = await start();
      const roomId = await createRoom(alice, {
        preset: 'public_chat',
        room_version: version,
        room_alias_name: 'pub',
        name: 'The pub',
      });
      await alice.say(roomId, 'Anybody there?');
      await bob.ok('PUT', `profile/${bob.userId}/displayname`, { displayname: 'Bob' });
      expect(await bob.ok('POST', `join/${encodeURIComponent('#pub:a.test')}`)).toEqual({ room_id: roomId });
      expect(await stateOf(bob, roomId)).toEqual(await stateOf(alice, roomId));
      expect(await alice.ok('GET', `rooms/${roomId}/state/m.room.member/${bob.userId}`)).toMatchObject({
        membership: 'join',
        displayname: 'Bob',
      });
      expect(await messagesOf(bob, roomId)).toEqual(['Anybody there?']);
    },
  );

  test('over a server that is not the one that made the room', async () => {
    const { federation, alice, bob, carol } = await start();
    const roomId = await createRoom(alice);
    await bob.ok('POST', `join/${roomId}?via=a.test`);
    // The keys of the server that is gone are known from before.
    await carol.ok('POST', `join/${await createRoom(alice)}?via=a.test`);
    federation.cutAll('a.test');
    expect(failure(await carol.ask('POST', `join/${roomId}?via=a.test`))).toEqual([502, 'M_UNKNOWN']);
    await carol.ok('POST', `join/${roomId}?via=a.test&via=b.test`);
    expect(await stateOf(carol, roomId)).toEqual(await stateOf(bob, roomId));
    expect(await bob.membershipOf(roomId, carol.userId)).toBe('join');
  });

  test('a closed room stays closed, and says so', async () => {
    const { alice, bob } = await start();
    const roomId = await createRoom(alice, { preset: 'private_chat' });
    expect(failure(await bob.ask('POST', `join/${roomId}?via=a.test`))).toEqual([403, 'M_FORBIDDEN']);
    expect(failure(await bob.ask('POST', `join/${roomId}?via=b.test`))).toEqual([404, 'M_NOT_FOUND']);
    expect(await bob.room('join', roomId)).toBeUndefined();
  });

  test('members of another room are let in by a server that may', async () => {
    const { alice, bob, carol } = await start();
    const club = await createRoom(alice);
    const allow = [{ type: 'm.room_membership', room_id: club }];
    const roomId = await createRoom(alice, {
      preset: 'private_chat',
      initial_state: [{ type: 'm.room.join_rules', content: { join_rule: 'restricted', allow } }],
    });
    expect(failure(await bob.ask('POST', `join/${roomId}?via=a.test`))).toEqual([403, 'M_FORBIDDEN']);
    for (const person of [bob, carol]) await person.ok('POST', `join/${club}?via=a.test`);
    await bob.ok('POST', `join/${roomId}?via=a.test`);
    expect(await alice.ok('GET', `rooms/${roomId}/state/m.room.member/${bob.userId}`)).toMatchObject({
      membership: 'join',
      join_authorised_via_users_server: alice.userId,
    });
    await carol.ok('POST', `join/${roomId}?via=a.test`);
    expect(await stateOf(carol, roomId)).toEqual(await stateOf(alice, roomId));
  });
});

describe('inviting between servers of ours', () => {
  test('shows the room to who is invited, who comes in without being told where', async () => {
    const { alice, bob } = await start();
    const roomId = await createRoom(alice, { preset: 'private_chat', name: 'Just us' });
    await alice.ok('POST', `rooms/${roomId}/invite`, { user_id: bob.userId, reason: 'Do come' });
    const told = (await bob.room('invite', roomId))?.invite_state?.events ?? [];
    expect(told.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['m.room.create', 'm.room.join_rules', 'm.room.name']),
    );
    for (const event of told) expect(Object.keys(event).sort()).toEqual(['content', 'sender', 'state_key', 'type']);
    const own = told.filter(({ state_key: key }) => key === bob.userId);
    expect(own.map(({ content }) => content)).toEqual([{ membership: 'invite', reason: 'Do come' }]);
    await bob.ok('POST', `rooms/${roomId}/join`);
    expect(await bob.room('invite', roomId)).toBeUndefined();
    expect(await stateOf(bob, roomId)).toEqual(await stateOf(alice, roomId));
  });

  test('is declined, and the room hears of it', async () => {
    const { alice, bob } = await start();
    const roomId = await createRoom(alice, { preset: 'private_chat', invite: [bob.userId], is_direct: true });
    expect(await alice.membershipOf(roomId, bob.userId)).toBe('invite');
    expect(await bob.room('invite', roomId)).toBeDefined();
    await bob.ok('POST', `rooms/${roomId}/leave`, { reason: 'Busy' });
    expect(await bob.room('invite', roomId)).toBeUndefined();
    expect(await alice.ok('GET', `rooms/${roomId}/state/m.room.member/${bob.userId}`)).toEqual({
      membership: 'leave',
      reason: 'Busy',
    });
    expect(failure(await bob.ask('POST', `join/${roomId}?via=a.test`))).toEqual([403, 'M_FORBIDDEN']);
    await alice.ok('POST', `rooms/${roomId}/invite`, { user_id: bob.userId });
    await bob.ok('POST', `join/${roomId}`);
    expect(await alice.membershipOf(roomId, bob.userId)).toBe('join');
  });

  test('is gone here though nobody can be told that it is declined', async () => {
    const { federation, alice, bob } = await start();
    const roomId = await createRoom(alice, { preset: 'private_chat', invite: [bob.userId] });
    federation.cut('a.test', 'b.test');
    await bob.ok('POST', `rooms/${roomId}/leave`);
    expect(await bob.room('invite', roomId)).toBeUndefined();
    await bob.ok('POST', `rooms/${roomId}/forget`);
    federation.heal('a.test', 'b.test');
    // For the room it still stands.
    await bob.ok('POST', `join/${roomId}?via=a.test`);
    expect(await alice.membershipOf(roomId, bob.userId)).toBe('join');
  });

  test('needs a server that can be reached, and nothing is made without', async () => {
    const { federation, alice, bob } = await start();
    const roomId = await createRoom(alice);
    federation.cut('a.test', 'b.test');
    expect(failure(await alice.ask('POST', `rooms/${roomId}/invite`, { user_id: bob.userId }))).toEqual([
      502,
      'M_UNKNOWN',
    ]);
    expect(failure(await alice.ask('POST', 'createRoom', { invite: [bob.userId] }))).toEqual([502, 'M_UNKNOWN']);
    expect(await alice.membershipOf(roomId, bob.userId)).toBe('M_NOT_FOUND');
    expect((await alice.ok('GET', 'joined_rooms')).joined_rooms).toEqual([roomId]);
  });

  test('a user of a third server, from a room that a second one is in', async () => {
    const { alice, bob, carol } = await start();
    const roomId = await createRoom(alice);
    await bob.ok('POST', `join/${roomId}?via=a.test`);
    await bob.ok('POST', `rooms/${roomId}/invite`, { user_id: carol.userId });
    await carol.ok('POST', `join/${roomId}`);
    expect(await bob.membershipOf(roomId, carol.userId)).toBe('join');
  });
});

describe('knocking between servers of ours', () => {
  test('is heard, and answered with an invite', async () => {
    const { alice, bob } = await start();
    const roomId = await createRoom(alice, {
      preset: 'private_chat',
      name: 'Knock first',
      initial_state: [{ type: 'm.room.join_rules', content: { join_rule: 'knock' } }],
    });
    await bob.ok('POST', `knock/${roomId}?via=a.test`, { reason: 'Please' });
    const told = (await bob.room('knock', roomId))?.knock_state?.events ?? [];
    expect(told.find(({ type }) => type === 'm.room.name')?.content).toEqual({ name: 'Knock first' });
    expect(await alice.ok('GET', `rooms/${roomId}/state/m.room.member/${bob.userId}`)).toMatchObject({
      membership: 'knock',
      reason: 'Please',
    });
    await alice.ok('POST', `rooms/${roomId}/invite`, { user_id: bob.userId });
    expect(await bob.room('knock', roomId)).toBeUndefined();
    expect(await bob.room('invite', roomId)).toBeDefined();
    await bob.ok('POST', `join/${roomId}`);
    expect(await stateOf(bob, roomId)).toEqual(await stateOf(alice, roomId));
  });
});

describe('names between servers of ours', () => {
  test('profiles and aliases are looked up where they are', async () => {
    const { alice, bob } = await start();
    await alice.ok('PUT', `profile/${alice.userId}/displayname`, { displayname: 'Alice' });
    expect(await bob.ok('GET', `profile/${alice.userId}`)).toEqual({ displayname: 'Alice' });
    const roomId = await createRoom(alice, { preset: 'public_chat', room_alias_name: 'pub' });
    expect(await bob.ok('GET', `directory/room/${encodeURIComponent('#pub:a.test')}`)).toEqual({
      room_id: roomId,
      servers: ['a.test'],
    });
  });
});
