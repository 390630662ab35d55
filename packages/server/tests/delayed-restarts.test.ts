import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import type { Storage } from '../src/storage/storage.ts';
import { type FragileStorage, fragileStorage } from './support/fragile-storage.ts';
import { createManualWorld, type ManualWorld } from './support/manual-world.ts';
import { silentLog } from './support/silent-log.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';
import { openTestStorage } from './support/test-storage.ts';

/** G3: delayed events outlive the server, and are sent once whatever fails on the way. */

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Scene {
  readonly world: ManualWorld;
  readonly real: Storage;
  readonly fragile: FragileStorage;
  readonly server: TestServer;
  readonly alice: Session;
  readonly roomId: string;
}

async function begin(): Promise<Scene> {
  const world = createManualWorld();
  const real = await openTestStorage();
  ends.push(() => real.close());
  const broken = fragileStorage(real);
  // What fails on purpose here is in the log, where it belongs.
  const log = { ...silentLog, error: () => undefined };
  const server = await createTestServer({ world, storage: broken.storage, log });
  ends.push(() => server.stop());
  const alice = await server.createUser('alice');
  const room = { token: alice.accessToken, body: { preset: 'public_chat' } };
  const roomId = String((await server.ok('POST', '/_matrix/client/v3/createRoom', room)).room_id);
  return { world, real, fragile: broken, server, alice, roomId };
}

async function schedule({ server, alice, roomId }: Scene, body: string, delayMs: number): Promise<string> {
  const path = `/_matrix/client/v3/rooms/${roomId}/delayed_event/m.test/${body.replaceAll(' ', '')}`;
  const request = { token: alice.accessToken, body: { delay_ms: delayMs, content: { body } } };
  return String((await server.ok('PUT', path, request)).delay_id);
}

async function bodies({ alice, roomId }: Scene, server: TestServer): Promise<unknown[]> {
  const filter = encodeURIComponent('{"types":["m.test"]}');
  const path = `/_matrix/client/v3/rooms/${roomId}/messages?dir=f&limit=100&filter=${filter}`;
  const { chunk } = await server.ok('GET', path, { token: alice.accessToken });
  return (chunk as JsonObject[]).map((event) => (event.content as JsonObject).body);
}

/** Until there are so many; that there are no more is looked at by who asked. */
async function until(scene: Scene, server: TestServer, count: number): Promise<unknown[]> {
  for (let round = 0; round < 400; round += 1) {
    const found = await bodies(scene, server);
    if (found.length >= count) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`There are not ${count} events`);
}

/** Long enough for whatever would be sent a second time. */
async function rest(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('G3: over a restart', () => {
  test('what fell due meanwhile is sent at the start, once; the rest when it is due', async () => {
    const scene = await begin();
    await schedule(scene, 'due while down', 5_000);
    await schedule(scene, 'due later', 60_000);
    const restarted = await schedule(scene, 'restarted', 10_000);
    scene.world.advance(4_000);
    const path = `/_matrix/client/unstable/org.matrix.msc4140/delayed_events/${restarted}/restart`;
    await scene.server.ok('POST', path, { token: scene.alice.accessToken, body: {} });
    await scene.server.server.stop();
    scene.world.advance(8_000);
    const second = await createTestServer({ world: scene.world, storage: scene.real, seed: 2 });
    ends.push(() => second.stop());
    expect(await until(scene, second, 1)).toEqual(['due while down']);
    scene.world.advance(1_999);
    await rest();
    expect(await bodies(scene, second)).toEqual(['due while down']);
    scene.world.advance(1);
    expect(await until(scene, second, 2)).toEqual(['due while down', 'restarted']);
    scene.world.advance(60_000);
    expect(await until(scene, second, 3)).toEqual(['due while down', 'restarted', 'due later']);
    await rest();
    expect(await bodies(scene, second)).toHaveLength(3);
    const after = await second.ok('GET', `/_matrix/client/v1/delayed_events/${restarted}`, {
      token: scene.alice.accessToken,
    });
    expect(after.event_id).toMatch(/^\$/);
  });

  test('a wall clock that was set back while the server was down holds nothing longer than its delay', async () => {
    const scene = await begin();
    await schedule(scene, 'set back', 5_000);
    await scene.server.server.stop();
    scene.world.stepWallClock(-86_400_000);
    const second = await createTestServer({ world: scene.world, storage: scene.real, seed: 2 });
    ends.push(() => second.stop());
    scene.world.advance(5_000);
    expect(await until(scene, second, 1)).toEqual(['set back']);
  });
});

describe('G3: when the database fails', () => {
  test('an event that could not be written is tried again until it can', async () => {
    const scene = await begin();
    await schedule(scene, 'tried again', 5_000);
    scene.fragile.fail('before', 4);
    for (let second = 0; second < 30; second += 1) {
      scene.world.advance(1_000);
      await rest();
    }
    expect(await bodies(scene, scene.server)).toEqual(['tried again']);
  });

  test('an event that was written, and nobody heard of it, is not sent again', async () => {
    const scene = await begin();
    const delayId = await schedule(scene, 'written unheard', 5_000);
    scene.fragile.fail('after', 1);
    for (let second = 0; second < 15; second += 1) {
      scene.world.advance(1_000);
      await rest();
    }
    expect(await bodies(scene, scene.server)).toEqual(['written unheard']);
    const path = `/_matrix/client/v1/delayed_events/${delayId}`;
    const shown = await scene.server.ok('GET', path, { token: scene.alice.accessToken });
    expect([typeof shown.event_id, shown.error]).toEqual(['string', undefined]);
  });

  test('a delayed event that was written, and nobody heard of it, is taken up when it is asked for again', async () => {
    const scene = await begin();
    const token = scene.alice.accessToken;
    const put = `/_matrix/client/v3/rooms/${scene.roomId}/delayed_event/m.test/unheard`;
    const body = { delay_ms: 5_000, content: { body: 'scheduled unheard' } };
    scene.fragile.fail('after', 1);
    expect((await scene.server.request('PUT', put, { token, body })).status).toBe(503);
    expect((await scene.server.request('PUT', put, { token, body })).status).toBe(200);
    scene.world.advance(5_000);
    expect(await until(scene, scene.server, 1)).toEqual(['scheduled unheard']);
  });

  test('what is not scheduled, or not cancelled, is said so, and can be asked for again', async () => {
    const scene = await begin();
    const token = scene.alice.accessToken;
    const delayId = await schedule(scene, 'not cancelled', 5_000);
    const cancel = `/_matrix/client/v1/delayed_events/${delayId}/cancel`;
    scene.fragile.fail('before', 1);
    expect((await scene.server.request('POST', cancel, { token })).status).toBe(503);
    const put = `/_matrix/client/v3/rooms/${scene.roomId}/delayed_event/m.test/not`;
    const body = { delay_ms: 1_000, content: { body: 'second' } };
    scene.fragile.fail('before', 1);
    expect((await scene.server.request('PUT', put, { token, body })).status).toBe(503);
    expect((await scene.server.request('PUT', put, { token, body })).status).toBe(200);
    scene.world.advance(5_000);
    expect(await until(scene, scene.server, 2)).toEqual(['second', 'not cancelled']);
  });
});
