import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { SyncStory } from './support/sync-story.ts';

let story: SyncStory;
let alice: Session;
let bob: Session;
let room: string;
let users = 0;

beforeAll(async () => {
  story = await SyncStory.begin();
  alice = await story.user('alice');
});

afterAll(() => story.end());

beforeEach(async () => {
  users += 1;
  bob = await story.user(`bob${users}`);
  room = await story.room(alice);
  await story.say(alice, room, 'before he came');
  await story.join(bob, room);
});

interface Notification extends JsonObject {
  event: JsonObject;
}

async function list(query = ''): Promise<{ notifications: Notification[]; next_token?: string }> {
  return (await story.do(bob, 'GET', `/notifications${query}`)) as never;
}

async function listed(query = ''): Promise<unknown[]> {
  return (await list(query)).notifications.map(({ event }) => event.event_id);
}

const mention = () => ({ 'm.mentions': { user_ids: [bob.userId] } });

test('what notified a user is listed, the newest first, with what was read', async () => {
  const one = await story.say(alice, room, 'one');
  const two = await story.say(alice, room, 'two', mention());
  await story.say(bob, room, 'my own');
  await story.say(alice, room, 'a notice', { msgtype: 'm.notice' });
  const three = await story.say(alice, room, 'three');
  const { notifications, next_token: next } = await list();
  const sound = { set_tweak: 'sound', value: 'default' };
  expect(next).toBeUndefined();
  expect(notifications).toMatchObject([
    { event: { event_id: three }, read: false, room_id: room, actions: ['notify', sound] },
    { event: { event_id: two }, read: true, actions: ['notify', sound, { set_tweak: 'highlight' }] },
    { event: { event_id: one, type: 'm.room.message', sender: alice.userId }, read: true },
  ]);
  expect(notifications[0]?.ts).toBe(story.world.clock.nowMs());
});

test('of all rooms together, page by page', async () => {
  const other = await story.room(alice);
  await story.join(bob, other);
  const quiet = await story.room(alice);
  await story.join(bob, quiet);
  const sent: string[] = [];
  for (const where of [room, other, other, room, room]) sent.unshift(await story.say(alice, where, 'hello'));
  const pages: unknown[][] = [];
  for (let from = ''; ; ) {
    const page = await list(`?limit=2${from}`);
    pages.push(page.notifications.map(({ event }) => event.event_id));
    if (page.next_token === undefined) break;
    from = `&from=${page.next_token}`;
    // What comes meanwhile is not on later pages.
    await story.say(alice, other, 'meanwhile');
  }
  expect(pages).toEqual([sent.slice(0, 2), sent.slice(2, 4), sent.slice(4)]);
});

test('highlights alone, of who mentions the user and of who mentions all', async () => {
  await story.say(alice, room, 'one');
  const named = await story.say(alice, room, 'two', mention());
  const everybody = await story.say(alice, room, 'three', { 'm.mentions': { room: true } });
  await story.say(alice, room, 'four');
  expect(await listed('?only=highlight')).toEqual([everybody, named]);
  expect(await listed('?only=highlight&limit=1')).toEqual([everybody]);
  expect(await listed('?only=something%20else')).toHaveLength(4);
});

test('what was redacted, muted or is of a room that was left is not listed', async () => {
  const eventId = await story.say(alice, room, 'one');
  const kept = await story.say(alice, room, 'two');
  const path = `/rooms/${encodeURIComponent(room)}/redact/${encodeURIComponent(eventId)}/redact${users}`;
  await story.do(alice, 'PUT', path, {});
  await story.do(bob, 'PUT', `/pushrules/global/room/${encodeURIComponent(room)}`, { actions: [] });
  await story.say(alice, room, 'muted');
  expect(await listed()).toEqual([kept]);
  await story.leave(bob, room);
  expect(await listed()).toEqual([]);
});

test.each(['?from=elsewhere', '?from=n', '?limit=0', '?limit=many'])('%s is refused', async (query) => {
  const { status, body } = await story.ask(bob, 'GET', `/notifications${query}`);
  expect([status, body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
});
