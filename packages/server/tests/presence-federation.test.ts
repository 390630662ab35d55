import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createManualWorld, type ManualWorld } from './support/manual-world.ts';
import { createTestFederation, type TestFederation } from './support/test-federation.ts';

const CLIENT = '/_matrix/client/v3';

let world: ManualWorld;
let federation: TestFederation;
let alice: Session;
let bob: Session;
/** EDUs of presence that went from b to a. */
const told: JsonObject[] = [];

beforeAll(async () => {
  world = createManualWorld();
  federation = await createTestFederation(['a.test', 'b.test'], {
    world,
    config: { presence: { enabled: true } },
    onRequest({ from, path, body }, pass) {
      if (from === 'b.test' && path.includes('/send/')) {
        const { edus = [] } = JSON.parse(body) as { edus?: JsonObject[] };
        told.push(...edus.filter((edu) => edu.edu_type === 'm.presence'));
      }
      return pass();
    },
  });
  const [a, b] = [federation.server('a.test'), federation.server('b.test')];
  [alice, bob] = [await a.createUser('alice'), await b.createUser('bob')];
  const body = { preset: 'public_chat' };
  const { room_id: roomId } = await a.ok('POST', `${CLIENT}/createRoom`, { token: alice.accessToken, body });
  const path = `${CLIENT}/join/${encodeURIComponent(String(roomId))}?server_name=a.test`;
  await b.ok('POST', path, { token: bob.accessToken, body: {} });
});

afterAll(() => federation.stop());

async function say(body: JsonObject): Promise<void> {
  const path = `${CLIENT}/presence/${bob.userId}/status`;
  await federation.server('b.test').ok('PUT', path, { token: bob.accessToken, body });
}

async function seen(): Promise<JsonObject> {
  return federation
    .server('a.test')
    .ok('GET', `${CLIENT}/presence/${encodeURIComponent(bob.userId)}/status`, { token: alice.accessToken });
}

/** Time goes on, a little at a time, until alice sees bob like this. */
async function untilSeen(expected: JsonObject): Promise<void> {
  await expect
    .poll(async () => {
      world.advance(100);
      return seen();
    })
    .toMatchObject(expected);
}

test('other servers are told who is there, and their clients see it', async () => {
  await say({ presence: 'online', status_msg: 'far away' });
  await untilSeen({ presence: 'online', currently_active: true, status_msg: 'far away' });
  const first = await federation.server('a.test').ok('GET', `${CLIENT}/sync`, { token: alice.accessToken });
  const { events } = first.presence as { events: JsonObject[] };
  expect(events).toContainEqual({
    type: 'm.presence',
    sender: bob.userId,
    content: expect.objectContaining({ presence: 'online', status_msg: 'far away' }),
  });
  await say({ presence: 'unavailable' });
  await untilSeen({ presence: 'unavailable' });
  expect(told.map(({ content }) => content)).toContainEqual({
    push: [expect.objectContaining({ user_id: bob.userId, presence: 'unavailable' })],
  });
});

test('who is not heard of for half an hour is gone', async () => {
  await say({ presence: 'online' });
  await untilSeen({ presence: 'online' });
  federation.cut('a.test', 'b.test');
  world.advance(1_800_001);
  expect(await seen()).toMatchObject({ presence: 'offline' });
});
