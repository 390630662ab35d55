import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { eventually } from './support/eventually.ts';
import { fragileStorage } from './support/fragile-storage.ts';
import { createManualWorld, type ManualWorld } from './support/manual-world.ts';
import { silentLog } from './support/silent-log.ts';
import {
  createTestFederation,
  type FederationResponse,
  type RequestHook,
  type TestFederation,
} from './support/test-federation.ts';

/** G3 for what another server has to sign: a delayed invite of a user of another server goes out once. */

const CLIENT = '/_matrix/client';
const DELAY_MS = 60_000;
const opened: TestFederation[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((federation) => federation.stop()));
});

interface Scene {
  readonly world: ManualWorld;
  readonly federation: TestFederation;
  readonly alice: Session;
  readonly bob: Session;
  readonly roomId: string;
  readonly delayId: string;
  /** A request to the server of this user. */
  ok(who: Session, method: 'GET' | 'POST' | 'PUT', path: string, body?: JsonObject): Promise<JsonObject>;
  /** The events that the other server was asked to sign. */
  asked(): string[];
  /** Does this just before the other server is asked. */
  beforeAsking(action: () => void): void;
  /** Asks for the last invite once more, to the letter. */
  repeat(): Promise<FederationResponse | undefined>;
}

/** Alice of a.test has scheduled an invite of Bob of b.test. */
async function begin(): Promise<Scene> {
  const world = createManualWorld();
  // What fails on purpose here is in the log, where it belongs.
  const log = { ...silentLog, error: () => undefined, warn: () => undefined };
  let invite: (() => Promise<FederationResponse>) | undefined;
  let before: () => void = () => undefined;
  const onRequest: RequestHook = ({ path }, pass) => {
    if (path.includes('/invite/')) {
      invite = pass;
      before();
    }
    return pass();
  };
  const federation = await createTestFederation(['a.test', 'b.test'], {
    world,
    onRequest,
    serverOptions: { 'a.test': { log } },
  });
  opened.push(federation);
  const alice = await federation.server('a.test').createUser('alice');
  const bob = await federation.server('b.test').createUser('bob');
  const ok: Scene['ok'] = (who, method, path, body) =>
    federation
      .server(who === alice ? 'a.test' : 'b.test')
      .ok(method, `${CLIENT}/${path}`, { token: who.accessToken, ...(body === undefined ? {} : { body }) });
  const roomId = String((await ok(alice, 'POST', 'v3/createRoom', {})).room_id);
  const event = { delay_ms: DELAY_MS, state_key: bob.userId, content: { membership: 'invite' } };
  const path = `v3/rooms/${encodeURIComponent(roomId)}/delayed_event/m.room.member/1`;
  const delayId = String((await ok(alice, 'PUT', path, event)).delay_id);
  const asked = () =>
    federation
      .requests('a.test', 'b.test')
      .map((request) => request.path)
      .filter((asking) => asking.includes('/invite/'))
      .map((asking) => decodeURIComponent(asking.split('/').at(-1) ?? ''));
  return {
    world,
    federation,
    alice,
    bob,
    roomId,
    delayId,
    ok,
    asked,
    repeat: async () => invite?.(),
    beforeAsking: (action) => {
      before = action;
    },
  };
}

const delayed = ({ ok, alice, delayId }: Scene) => ok(alice, 'GET', `v1/delayed_events/${delayId}`);

async function invites({ ok, alice, roomId }: Scene): Promise<unknown[]> {
  const { chunk } = await ok(alice, 'GET', `v3/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=100`);
  return (chunk as JsonObject[])
    .filter(({ content }) => (content as JsonObject).membership === 'invite')
    .map((event) => event.event_id);
}

const MOMENTS = ['before it is asked for', 'before it is answered', 'before it is known to be sent'] as const;

/** The server of Alice cannot write any more from this moment on, and starts anew with a database that can. */
async function dieAt(scene: Scene, moment: (typeof MOMENTS)[number]): Promise<void> {
  const { storage } = scene.federation.server('a.test');
  const real = storage.write;
  const fragile = fragileStorage({ ...storage });
  storage.write = fragile.storage.write;
  const died = Promise.withResolvers<void>();
  const die = () => {
    fragile.fail('before', Number.MAX_SAFE_INTEGER);
    died.resolve();
  };
  if (moment === 'before it is asked for') die();
  if (moment === 'before it is answered') scene.beforeAsking(die);
  storage.stream.follow((changes) => {
    if (changes.some((change) => change.kind === 'membership' && change.membership === 'invite')) die();
  });
  scene.world.advance(DELAY_MS);
  await died.promise;
  await scene.federation.halt('a.test');
  storage.write = real;
  scene.beforeAsking(() => undefined);
  await scene.federation.resume('a.test');
}

describe('G3: a delayed invite of a user of another server', () => {
  test.each(MOMENTS)('is one event, also when the server dies %s', async (moment) => {
    const scene = await begin();
    await dieAt(scene, moment);
    await eventually(async () => expect(await delayed(scene)).toHaveProperty('event_id'));
    const [eventId, ...others] = await invites(scene);
    expect(others).toEqual([]);
    // Once it stands in the room nobody is asked again.
    const times = moment === 'before it is answered' ? 2 : 1;
    expect(scene.asked()).toEqual(Array(times).fill(eventId));
    const { rooms } = await scene.ok(scene.bob, 'GET', 'v3/sync');
    expect(Object.keys((rooms as JsonObject).invite ?? {})).toEqual([scene.roomId]);
  });

  test('is not asked for again once the room would not take it any more', async () => {
    const scene = await begin();
    const { alice, bob, roomId, ok, world } = scene;
    scene.beforeAsking(() => {
      throw new Error('The other server is away');
    });
    world.advance(DELAY_MS);
    await eventually(async () => expect(scene.asked()).toHaveLength(1));
    const path = `v3/rooms/${encodeURIComponent(roomId)}/ban`;
    await ok(alice, 'POST', path, { user_id: bob.userId });
    scene.beforeAsking(() => undefined);
    await eventually(async () => {
      world.advance(DELAY_MS);
      expect(await delayed(scene)).toMatchObject({ error: { errcode: 'M_FORBIDDEN' } });
    });
    expect(scene.asked()).toHaveLength(1);
    expect(await invites(scene)).toEqual([]);
  });

  test('does not come back when it was declined before it was asked for again', async () => {
    const scene = await begin();
    const { bob, roomId, ok } = scene;
    scene.world.advance(DELAY_MS);
    await eventually(async () => expect(await delayed(scene)).toHaveProperty('event_id'));
    await ok(bob, 'POST', `v3/rooms/${encodeURIComponent(roomId)}/leave`, {});
    expect((await scene.repeat())?.status).toBe(200);
    const { rooms } = await ok(bob, 'GET', 'v3/sync');
    expect((rooms as JsonObject | undefined)?.invite ?? {}).toEqual({});
  });
});
