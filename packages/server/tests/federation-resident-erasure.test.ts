import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createRemoteWorld, type RemoteServer, type RemoteWorld } from './support/remote-server.ts';
import { createRoomAs, makePath, sendPath } from './support/resident-paths.ts';

const V3 = '/_matrix/client/v3';

let world: RemoteWorld;
let host: Session;

beforeAll(async () => {
  world = await createRemoteWorld(['far.test', 'parted.test', 'late.test']);
  host = await world.home.createUser('host');
});

afterAll(() => world.stop());

async function shake(kind: 'join' | 'leave', roomId: string, remote: RemoteServer): Promise<void> {
  const made = await remote.ask('GET', makePath(kind, roomId, remote.userId('bob')));
  const { pdu } = remote.complete(made.body);
  const answer = await remote.ask('PUT', sendPath(kind, roomId, pdu.eventId), pdu.json);
  if (answer.status !== 200) throw new Error(answer.text);
}

async function contentFor(remote: RemoteServer, eventId: string): Promise<unknown> {
  const { body } = await remote.ask('GET', `/_matrix/federation/v1/event/${encodeURIComponent(eventId)}`);
  return (body.pdus as JsonObject[] | undefined)?.[0]?.content;
}

test('D5: an erased user’s events are redacted for servers that come later, and for no others', async () => {
  const { home } = world;
  const [far, parted, late] = ['far.test', 'parted.test', 'late.test'].map((name) => world.remote(name)) as [
    RemoteServer,
    RemoteServer,
    RemoteServer,
  ];
  const alice = await home.createUser('alice');
  const roomId = await createRoomAs(home, host, {});
  await home.ok('POST', `${V3}/join/${roomId}`, { token: alice.accessToken, body: {} });
  await shake('join', roomId, parted);
  const words = { msgtype: 'm.text', body: 'private words' };
  const path = `${V3}/rooms/${roomId}/send/m.room.message/1?org.matrix.msc4354.sticky_duration_ms=3600000`;
  const eventId = String((await home.ok('PUT', path, { token: alice.accessToken, body: words })).event_id);
  await shake('leave', roomId, parted);
  await shake('join', roomId, far);
  await home.server.admin.deactivateUser({ name: 'alice', erase: true });
  const member = `${V3}/rooms/${roomId}/state/m.room.member/${alice.userId}`;
  const membership = async () => (await home.request('GET', member, { token: host.accessToken })).body.membership;
  await expect.poll(membership).toBe('leave');
  await shake('join', roomId, late);
  await shake('join', roomId, parted);
  expect(await contentFor(far, eventId)).toEqual(words);
  expect(await contentFor(parted, eventId)).toEqual(words);
  expect(await contentFor(late, eventId)).toEqual({});
});
