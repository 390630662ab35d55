import { afterEach, describe, expect, test } from 'vitest';
import { createTestRoomReading, eventIds, eventsIn, type TestRoomReading } from './support/test-room-reading.ts';

const ALICE = '@alice:test';
const BOB = '@bob:test';
const MINUTE_MS = 60_000;

let started: TestRoomReading | undefined;

afterEach(async () => {
  await started?.close();
  started = undefined;
});

/** Alice speaks in a room whose history is for who was there; then Bob joins. */
async function story(options: { stickyEnabled?: boolean } = {}) {
  const rooms = await createTestRoomReading(options);
  started = rooms;
  const roomId = await rooms.make();
  await rooms.setState(roomId, ALICE, 'm.room.history_visibility', { history_visibility: 'joined' });
  const plainId = await rooms.say(roomId, ALICE, 'before Bob');
  const stickyId = await rooms.saySticky(roomId, ALICE, 5 * MINUTE_MS);
  await rooms.membershipChanges.join({ roomId, userId: BOB });
  const lateId = await rooms.say(roomId, ALICE, 'Hello Bob');
  rooms.world.advance(MINUTE_MS);
  return { rooms, roomId: encodeURIComponent(roomId), plainId, stickyId, lateId };
}

describe('C7: history visibility and sticky events, for who joined later', () => {
  test('/messages gives the unexpired one, and no longer once it has expired', async () => {
    const { rooms, roomId, plainId, stickyId, lateId } = await story();
    const path = `/rooms/${roomId}/messages?dir=b&limit=100`;
    const before = await rooms.get(BOB, path);
    expect(before.status).toBe(200);
    expect(eventIds(before.body.chunk)).toContain(stickyId);
    expect(eventIds(before.body.chunk)).toContain(lateId);
    expect(eventIds(before.body.chunk)).not.toContain(plainId);
    rooms.world.advance(4 * MINUTE_MS - 1);
    expect(eventIds((await rooms.get(BOB, path)).body.chunk)).toContain(stickyId);
    rooms.world.advance(1);
    expect(eventIds((await rooms.get(BOB, path)).body.chunk)).not.toContain(stickyId);
    expect(eventIds((await rooms.get(ALICE, path)).body.chunk)).toContain(stickyId);
  });

  test('/event', async () => {
    const { rooms, roomId, plainId, stickyId } = await story();
    expect((await rooms.get(BOB, `/rooms/${roomId}/event/${plainId}`)).status).toBe(404);
    expect((await rooms.get(BOB, `/rooms/${roomId}/event/${stickyId}`)).body.event_id).toBe(stickyId);
    rooms.world.advance(4 * MINUTE_MS);
    expect((await rooms.get(BOB, `/rooms/${roomId}/event/${stickyId}`)).body.errcode).toBe('M_NOT_FOUND');
  });

  test('/context, of it and around another', async () => {
    const { rooms, roomId, plainId, stickyId, lateId } = await story();
    const ofIt = await rooms.get(BOB, `/rooms/${roomId}/context/${stickyId}`);
    expect(ofIt.body.event).toMatchObject({ event_id: stickyId });
    expect(eventIds(ofIt.body.events_before)).not.toContain(plainId);
    const around = `/rooms/${roomId}/context/${lateId}`;
    expect(eventIds((await rooms.get(BOB, around)).body.events_before)).toContain(stickyId);
    rooms.world.advance(4 * MINUTE_MS);
    expect(eventIds((await rooms.get(BOB, around)).body.events_before)).not.toContain(stickyId);
    expect((await rooms.get(BOB, `/rooms/${roomId}/context/${stickyId}`)).status).toBe(404);
  });

  test('is not for who left, nor for who was never in the room', async () => {
    const { rooms, roomId, stickyId } = await story();
    await rooms.membershipChanges.leave({ roomId: decodeURIComponent(roomId), userId: BOB });
    expect((await rooms.get(BOB, `/rooms/${roomId}/event/${stickyId}`)).status).toBe(404);
    const page = await rooms.get(BOB, `/rooms/${roomId}/messages?dir=b&limit=100`);
    expect(eventIds(page.body.chunk)).not.toContain(stickyId);
    expect((await rooms.get('@carol:test', `/rooms/${roomId}/event/${stickyId}`)).status).toBe(404);
  });

  test('A6: with the feature off it is an event like any other', async () => {
    const { rooms, roomId, stickyId } = await story({ stickyEnabled: false });
    expect((await rooms.get(BOB, `/rooms/${roomId}/event/${stickyId}`)).status).toBe(404);
    const { body } = await rooms.get(ALICE, `/rooms/${roomId}/event/${stickyId}`);
    expect(Object.keys(body.unsigned as object)).toEqual(['age', 'membership']);
  });
});

describe('C8: what is left', () => {
  test('stands under both names on every endpoint, and goes with the end', async () => {
    const { rooms, roomId, stickyId, lateId } = await story();
    const event = async () => (await rooms.get(ALICE, `/rooms/${roomId}/event/${stickyId}`)).body;
    const left = { sticky_duration_remaining_ms: 4 * MINUTE_MS, msc4354_sticky_duration_ttl_ms: 4 * MINUTE_MS };
    const found = await event();
    expect(found).toMatchObject({ msc4354_sticky: { duration_ms: 5 * MINUTE_MS }, unsigned: left });
    expect(found).not.toHaveProperty('sticky');
    const page = await rooms.get(ALICE, `/rooms/${roomId}/messages?dir=b&limit=3`);
    expect(eventsIn(page.body.chunk).map((one) => (one.unsigned as typeof left).sticky_duration_remaining_ms)).toEqual([
      undefined,
      undefined,
      4 * MINUTE_MS,
    ]);
    const context = await rooms.get(ALICE, `/rooms/${roomId}/context/${lateId}?limit=4`);
    expect(eventsIn(context.body.events_before)[1]).toMatchObject({ event_id: stickyId, unsigned: left });
    rooms.world.advance(4 * MINUTE_MS - 1);
    expect((await event()).unsigned).toMatchObject({ sticky_duration_remaining_ms: 1 });
    rooms.world.advance(1);
    expect(Object.keys((await event()).unsigned as object)).toEqual(['age', 'membership']);
  });

  test('A3: a redacted event is not sticky', async () => {
    const { rooms, roomId, stickyId } = await story();
    const asked = { sender: { userId: ALICE }, roomId: decodeURIComponent(roomId), eventId: stickyId, content: {} };
    const redactionId = await rooms.sending.redact(asked);
    expect((await rooms.get(BOB, `/rooms/${roomId}/event/${stickyId}`)).status).toBe(404);
    const { body } = await rooms.get(ALICE, `/rooms/${roomId}/event/${stickyId}`);
    expect(body).not.toHaveProperty('msc4354_sticky');
    expect(body.content).toEqual({});
    expect(body.unsigned).toMatchObject({
      redacted_because: { event_id: redactionId, type: 'm.room.redaction', redacts: stickyId },
    });
    expect(body.unsigned).not.toHaveProperty('sticky_duration_remaining_ms');
  });
});
