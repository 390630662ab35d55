import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, expect, test } from 'vitest';
import { pusherTo } from './support/fake-gateway.ts';
import { createFarRoom, type FarRoom } from './support/far-room.ts';
import { signedRequest } from './support/push-transaction.ts';

let room: FarRoom;
/** What the gateway was told, which stands beside the far server. */
let told: JsonObject[];

/** The room of a far server, and a pusher of alice. */
async function begin(isJoined: boolean): Promise<void> {
  told = [];
  room = await createFarRoom({
    isJoined,
    onOtherRequest({ path, body }) {
      if (path !== '/_matrix/push/v1/notify') return undefined;
      told.push((JSON.parse(body) as { notification: JsonObject }).notification);
      return { status: 200, body: { rejected: [] } };
    },
  });
  const data = { url: 'https://far.test/_matrix/push/v1/notify' };
  expect((await room.ask('POST', 'pushers/set', pusherTo('key', { data }))).status).toBe(200);
}

afterEach(() => room.federation.stop());

test('C11: a sticky event that comes late, through catch-up, notifies like any other', async () => {
  await begin(true);
  const { far, world } = room;
  far.now(world.clock.nowMs());
  const content = { msgtype: 'm.text', body: 'stuck' };
  const extraFields = { msc4354_sticky: { duration_ms: 600_000 } };
  const sticky = far.add({ sender: far.creator, type: 'm.room.message', content, extraFields });
  const latest = far.say('and on it went');
  // The link was down for five minutes; now the latest event comes, and with it what is sticky.
  world.advance(300_000);
  await room.push([sticky, latest]);
  await expect.poll(() => told.map((one) => one.event_id)).toEqual([sticky.eventId, latest.eventId]);
  expect(told[0]).toMatchObject({ content, room_name: 'Far away', counts: { unread: expect.any(Number) } });
  const { notifications } = (await room.ask('GET', 'notifications')).body as { notifications: { event: JsonObject }[] };
  expect(notifications.map(({ event }) => event.event_id)).toEqual([latest.eventId, sticky.eventId]);
  expect(notifications[1]?.event.unsigned).toMatchObject({ msc4354_sticky_duration_ttl_ms: expect.any(Number) });
});

test('an invite to a room that is not here is told with what the other server says of the room', async () => {
  await begin(false);
  const { far, roomId } = room;
  const invite = far.invite(room.alice.userId);
  const path = `/_matrix/federation/v2/invite/${encodeURIComponent(roomId)}/${encodeURIComponent(invite.eventId)}`;
  const state = [...far.state.values()].map(({ json }) => json);
  const body = { room_version: far.version.id, event: invite.json, invite_room_state: state };
  expect((await signedRequest(room.here(), far, { method: 'PUT', path, body })).status).toBe(200);
  await expect.poll(() => told).toHaveLength(1);
  expect(told[0]).toMatchObject({
    event_id: invite.eventId,
    room_id: roomId,
    room_name: 'Far away',
    sender: far.creator,
    user_is_target: true,
    counts: { unread: 1 },
  });
});
