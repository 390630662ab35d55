import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, expect, test } from 'vitest';
import { createTestRoomReading, type TestRoomReading } from '../../../../tests/support/test-room-reading.ts';
import { defineStatement } from '../../../storage/statement.ts';

const ALICE = '@alice:test';

let rooms: TestRoomReading;

afterEach(async () => {
  await rooms.stop();
  await rooms.close();
});

const statements = {
  forgetRelations: defineStatement('delete from event_relations'),
  forgetRelated: defineStatement('delete from related_events'),
  goBack: defineStatement(`update event_walks set event_nid = 0, last_nid = (select max(event_nid) from events)
    where name = 'relations'`),
};

/** As if all that is there had been written by a version that knew nothing of relations. */
async function forget(): Promise<void> {
  await rooms.storage.write((transaction) => {
    for (const statement of Object.values(statements)) transaction.run(statement, {});
  });
}

function relate(roomId: string, to: string, relation: JsonObject): Promise<string> {
  const content = { body: 'related', 'm.relates_to': { event_id: to, ...relation }, 'm.new_content': {} };
  return rooms.sending.sendEvent({ sender: { userId: ALICE }, roomId, type: 'm.room.message', content });
}

async function bundled(roomId: string, eventId: string): Promise<unknown> {
  const { body } = await rooms.get(ALICE, `/rooms/${encodeURIComponent(roomId)}/event/${encodeURIComponent(eventId)}`);
  return (body.unsigned as JsonObject)['m.relations'];
}

test('the relations of events of an older version are indexed, together with those that came since', async () => {
  rooms = await createTestRoomReading();
  const roomId = await rooms.make();
  const root = await rooms.say(roomId, ALICE, 'root');
  for (let count = 0; count < 3; count++) await relate(roomId, root, { rel_type: 'm.thread' });
  const redacted = await relate(roomId, root, { rel_type: 'm.thread' });
  const edit = await relate(roomId, root, { rel_type: 'm.replace' });
  await forget();
  const last = await relate(roomId, root, { rel_type: 'm.thread' });
  await rooms.sending.redact({ sender: { userId: ALICE }, roomId, eventId: redacted, content: {} });
  await rooms.start();
  const expected = {
    'm.thread': expect.objectContaining({ count: 4, latest_event: expect.objectContaining({ event_id: last }) }),
    'm.replace': expect.objectContaining({ event_id: edit }),
  };
  expect(await bundled(roomId, root)).toEqual(expected);
});

test('more than a few are indexed little by little, and not twice', async () => {
  rooms = await createTestRoomReading();
  const roomId = await rooms.make();
  const root = await rooms.say(roomId, ALICE, 'root');
  const count = 600;
  await Promise.all(Array.from({ length: count }, () => relate(roomId, root, { rel_type: 'm.thread' })));
  await forget();
  await rooms.start();
  const first = (await bundled(roomId, root)) as { 'm.thread': { count: number } };
  expect(first['m.thread'].count).toBeLessThan(count);
  for (let turn = 0; turn < 1_000; turn++) {
    rooms.world.advance(20);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await bundled(roomId, root)).toMatchObject({ 'm.thread': { count } });
});
