import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { eventsOf, SyncStory } from './support/sync-story.ts';
import type { SyncAnswer, SyncingClient } from './support/syncing-client.ts';

let story: SyncStory;
let alice: Session;
let bob: Session;
let room: string;
/** Alice's, who looks on. */
let client: SyncingClient;

beforeEach(async () => {
  story = await SyncStory.begin({ presence: { enabled: true, max_room_members: 3 } });
  [alice, bob] = [await story.user('alice'), await story.user('bob')];
  room = await story.room(alice);
  await story.join(bob, room);
  client = story.client(alice);
  await client.sync();
  await published();
  await client.sync();
});

afterEach(() => story.end());

/** Lets what changed be published: once a second at most. */
async function published(): Promise<void> {
  await story.settle();
  story.world.advance(1_000);
  await story.settle();
}

function presences(answer: SyncAnswer): Record<string, JsonObject> {
  const events = eventsOf(answer.body.presence);
  return Object.fromEntries(events.map(({ sender, content }) => [String(sender), content as JsonObject]));
}

async function seen(): Promise<Record<string, JsonObject>> {
  await published();
  return presences(await client.sync());
}

function poll(session: Session, query = ''): Promise<JsonObject> {
  return story.do(session, 'GET', `/sync${query}`);
}

function say(session: Session, body: JsonObject, userId = session.userId) {
  return story.ask(session, 'PUT', `/presence/${encodeURIComponent(userId)}/status`, body);
}

async function status(viewer: Session, userId: string): Promise<JsonObject> {
  return story.do(viewer, 'GET', `/presence/${encodeURIComponent(userId)}/status`);
}

describe('who syncs is there', () => {
  test('is active at first, idle after five minutes without a deed, and gone soon after his last request', async () => {
    const waiting = client.sync({ timeoutMs: 300_000 });
    await story.settle();
    // He does not want to know who is there, so nothing ends his request.
    const filter = encodeURIComponent(JSON.stringify({ presence: { limit: 0 } }));
    const asking = story.ask(bob, 'GET', `/sync?timeout=299000&since=${client.since}&filter=${filter}`);
    await published();
    expect(presences(await waiting)).toEqual({
      [bob.userId]: { presence: 'online', currently_active: true, last_active_ago: expect.any(Number) },
    });
    story.world.advance(66_000);
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'online', currently_active: false } });
    story.world.advance(238_000);
    await story.settle();
    expect((await seen())[bob.userId]).toMatchObject({ presence: 'unavailable' });
    expect((await asking).status).toBe(200);
    story.world.advance(40_000);
    const { [bob.userId]: gone } = await seen();
    expect(gone).toMatchObject({ presence: 'offline' });
    expect(gone).not.toHaveProperty('currently_active');
  });

  test('and when he goes, clients that slept are told so when they come back', async () => {
    await poll(bob);
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'online' } });
    story.world.advance(40_000);
    await published();
    story.world.advance(20_000);
    await published();
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'offline' } });
    expect(await seen()).not.toHaveProperty([bob.userId]);
    await poll(bob);
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'online' } });
  });

  test('may hide, or be elsewhere', async () => {
    await poll(bob, '?set_presence=offline');
    expect(await seen()).toEqual({});
    await poll(bob, '?set_presence=unavailable');
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'unavailable' } });
    expect((await story.ask(bob, 'GET', '/sync?set_presence=asleep')).body.errcode).toBe('M_INVALID_PARAM');
  });

  test('is shown to who syncs for the first time, and to his other devices', async () => {
    await poll(bob);
    await published();
    expect(Object.keys(presences(await story.client(await story.login('alice')).sync())).sort()).toEqual([
      alice.userId,
      bob.userId,
    ]);
  });

  test('does something, and is there again', async () => {
    await poll(bob, '?set_presence=unavailable');
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'unavailable' } });
    await story.say(bob, room, 'back');
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'online', currently_active: true } });
    await story.say(bob, room, 'still here');
    expect(await seen()).toEqual({});
  });

  test('with sliding sync as well', async () => {
    const path = '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?set_presence=unavailable';
    await story.server.ok('POST', path, { token: bob.accessToken, body: {} });
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'unavailable' } });
  });
});

describe('what the user says himself', () => {
  test('holds, with his status, until he goes', async () => {
    expect((await say(bob, { presence: 'online', status_msg: 'cooking' })).body).toEqual({});
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'online', status_msg: 'cooking' } });
    await say(bob, { presence: 'unavailable', status_msg: 'eating' });
    await poll(bob);
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'unavailable', status_msg: 'eating' } });
    story.world.advance(40_000);
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'offline', status_msg: 'eating' } });
    expect(await status(alice, bob.userId)).toMatchObject({ presence: 'offline', status_msg: 'eating' });
    await poll(bob);
    expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'online', status_msg: 'eating' } });
    await say(bob, { presence: 'online' });
    expect((await seen())[bob.userId]).not.toHaveProperty('status_msg');
  });

  test('is asked for by those who share a room, large ones too', async () => {
    const carol = await story.user('carol');
    expect((await story.ask(carol, 'GET', `/presence/${bob.userId}/status`)).body.errcode).toBe('M_FORBIDDEN');
    expect((await story.ask(carol, 'GET', '/presence/@nobody:localhost/status')).body.errcode).toBe('M_FORBIDDEN');
    expect(await status(carol, carol.userId)).toEqual({ presence: 'offline' });
    expect(await status(alice, bob.userId)).toEqual({ presence: 'offline' });
    await poll(bob);
    story.world.advance(7_000);
    expect(await status(alice, bob.userId)).toEqual({
      presence: 'online',
      currently_active: true,
      last_active_ago: 7_000,
    });
  });

  test.each([
    ['M_INVALID_PARAM', { presence: 'asleep' }],
    ['M_MISSING_PARAM', { status_msg: 'cooking' }],
    ['M_INVALID_PARAM', { presence: 'online', status_msg: 7 }],
    ['M_INVALID_PARAM', { presence: 'online', status_msg: 'x'.repeat(1_025) }],
  ])('%s', async (errcode, body) => {
    expect((await say(bob, body)).body.errcode).toBe(errcode);
  });

  test('is for himself to say', async () => {
    expect((await say(bob, { presence: 'online' }, alice.userId)).body.errcode).toBe('M_FORBIDDEN');
  });
});

describe('who is told', () => {
  test('filters choose, and who is ignored is not shown', async () => {
    const filters = [{ limit: 0 }, { not_types: ['m.*'] }, { not_senders: [bob.userId] }, { senders: [alice.userId] }];
    const clients = filters.map((presence) => story.client(alice, { presence }));
    for (const one of clients) await one.sync();
    await poll(bob);
    await published();
    for (const one of clients) expect(presences(await one.sync())).not.toHaveProperty(bob.userId);
    await story.setAccountData(alice, 'm.ignored_user_list', { ignored_users: { [bob.userId]: {} } });
    expect(presences(await client.sync())).toEqual({});
  });

  test('nobody who shares larger rooms alone, and whoever comes into a small one', async () => {
    const [carol, dave] = [await story.user('carol'), await story.user('dave')];
    await story.join(carol, room);
    await story.join(dave, room);
    const carols = story.client(carol);
    await carols.sync();
    await poll(bob);
    expect(await seen()).not.toHaveProperty(bob.userId);
    const small = await story.room(bob);
    await story.join(carol, small);
    await published();
    expect(presences(await carols.sync())).toMatchObject({ [bob.userId]: { presence: 'online' } });
    expect(presences(await client.sync())).not.toHaveProperty(bob.userId);
  });

  test('once a second at most, however many come and go', async () => {
    await poll(bob);
    await published();
    const { tally } = story.server.storage;
    const { batches } = tally;
    for (let count = 0; count < 10; count += 1) {
      await say(bob, { presence: count % 2 === 0 ? 'unavailable' : 'online' });
    }
    await say(bob, { presence: 'unavailable' });
    await story.settle();
    story.world.advance(1_000);
    await story.settle();
    expect(tally.batches - batches).toBeLessThanOrEqual(2);
  });
});

test('who does not come back after a restart is gone', async () => {
  await poll(bob);
  expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'online' } });
  client.moveTo(await story.restart());
  await seen();
  story.world.advance(40_000);
  expect(await seen()).toMatchObject({ [bob.userId]: { presence: 'offline' } });
});

test('where it is off nobody is there, and clients may say what they like', async () => {
  const off = await SyncStory.begin({ presence: { enabled: false } });
  const carol = await off.user('carol');
  const path = `/presence/${carol.userId}/status`;
  expect(await off.do(carol, 'PUT', path, { presence: 'online' })).toEqual({});
  expect(await off.do(carol, 'GET', path)).toEqual({ presence: 'offline' });
  await off.end();
});
