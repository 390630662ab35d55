import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFarRoom, type FarRoom } from './support/far-room.ts';
import { pushTransaction } from './support/push-transaction.ts';

let room: FarRoom;
const CAROL = '@carol:far.test';

beforeEach(async () => {
  room = await createFarRoom();
  await room.push([room.far.join(CAROL)]);
});

afterEach(() => room.federation.stop());

/** What a client sees of one ephemeral type. */
async function ephemeral(type: string): Promise<JsonObject | undefined> {
  const answer = await room.client(room.alice).sync();
  const { events } = (answer.room(room.roomId).ephemeral ?? { events: [] }) as { events: JsonObject[] };
  return events.find((event) => event.type === type)?.content as JsonObject | undefined;
}

async function typing(): Promise<unknown> {
  return (await ephemeral('m.typing'))?.user_ids ?? [];
}

function type(content: JsonObject) {
  return room.pushEdu('m.typing', { room_id: room.roomId, user_id: CAROL, typing: true, ...content });
}

function receipt(eventId: string, { userId = CAROL, data = { ts: 1 } as JsonObject } = {}): JsonObject {
  return { [room.roomId]: { 'm.read': { [userId]: { event_ids: [eventId], data } } } };
}

test('who types on another server is shown, until he stops or says it no more', async () => {
  expect((await type({})).body).toEqual({ pdus: {} });
  expect(await typing()).toEqual([CAROL]);
  await type({ typing: false });
  expect(await typing()).toEqual([]);
  await type({});
  expect(await typing()).toEqual([CAROL]);
  room.world.advance(30_000);
  await room.here().storage.write(() => {});
  expect(await typing()).toEqual([]);
});

test.each([
  ['a user of another server', { user_id: '@alice:here.test' }],
  ['a user who is not in the room', { user_id: '@mallory:far.test' }],
  ['another room', { room_id: '!elsewhere:far.test' }],
  ['no user', { user_id: 7 }],
  ['no room', { room_id: null }],
  ['no answer to whether', { typing: 'yes' }],
])('typing of %s is passed over', async (_name, content) => {
  expect((await type(content as JsonObject)).status).toBe(200);
  expect(await typing()).toEqual([]);
});

test('a receipt of another server stands where it was set, with the time that it says', async () => {
  const said = room.far.say('read this');
  await room.push([said]);
  await room.pushEdu('m.receipt', receipt(said.eventId, { data: { ts: 1_234, thread_id: 'main' } }));
  expect(await ephemeral('m.receipt')).toEqual({
    [said.eventId]: { 'm.read': { [CAROL]: { ts: 1_234, thread_id: 'main' } } },
  });
});

test('receipts of wrong shape, of others, for what is not here, or private ones, are passed over', async () => {
  const said = room.far.say('read this');
  await room.push([said]);
  const wrong: JsonObject[] = [
    receipt(said.eventId, { userId: '@alice:here.test' }),
    receipt(said.eventId, { userId: '@mallory:far.test' }),
    receipt(`$${'x'.repeat(43)}`),
    receipt(said.eventId, { data: {} }),
    receipt(said.eventId, { data: { ts: -1 } }),
    receipt(said.eventId, { data: { ts: 1, thread_id: 7 } }),
    receipt(said.eventId, { data: { ts: 1, thread_id: `$${'x'.repeat(43)}` } }),
    { [room.roomId]: { 'm.read.private': { [CAROL]: { event_ids: [said.eventId], data: { ts: 1 } } } } },
    { [room.roomId]: { 'm.read': { [CAROL]: { event_ids: 'all', data: { ts: 1 } } } } },
    { [room.roomId]: [] },
    { __proto__: null, '!x:far.test': 7 },
    {},
  ];
  for (const content of wrong) expect((await room.pushEdu('m.receipt', content)).status).toBe(200);
  expect(await ephemeral('m.receipt')).toBeUndefined();
  await room.pushEdu('m.receipt', receipt(said.eventId));
  expect(await ephemeral('m.receipt')).toBeDefined();
});

test('a server that the room denies says nothing of its users there', async () => {
  const acl = room.far.setState('m.room.server_acl', '', { allow: ['*'], deny: ['far.test'] });
  const said = room.far.say('read this');
  await room.push([said, acl]);
  await type({});
  await room.pushEdu('m.receipt', receipt(said.eventId));
  expect(await typing()).toEqual([]);
  expect(await ephemeral('m.receipt')).toBeUndefined();
});

test('H3: EDUs without shape, of unknown types, and of presence keep nothing back', async () => {
  const edus = [
    7,
    null,
    { edu_type: 'm.typing' },
    { content: {} },
    { edu_type: 'constructor', content: {} },
    { edu_type: 'org.example.new', content: { deep: [[[[]]]] } },
    { edu_type: 'm.presence', content: { push: [{ user_id: '@alice:here.test', presence: 'online' }] } },
    { edu_type: 'm.presence', content: { push: [{ user_id: CAROL, presence: 'online' }] } },
    { edu_type: 'm.presence', content: {} },
    { edu_type: 'm.typing', content: { room_id: room.roomId, user_id: CAROL, typing: true } },
  ];
  const { status, body } = await pushTransaction(room.here(), room.far, { edus });
  expect([status, body]).toEqual([200, { pdus: {} }]);
  expect(await typing()).toEqual([CAROL]);
});
