import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { eventually } from './support/eventually.ts';
import { SigningUser, signaturesOn, signedDeviceKeys } from './support/signing-user.ts';
import { createTestFederation, type TestFederation } from './support/test-federation.ts';

let federation: TestFederation;
let alice: Session;
let bob: Session;
let alicesKeys: SigningUser;
let bobsKeys: SigningUser;
let alicesDevice: JsonObject;

beforeEach(async () => {
  federation = await createTestFederation(['a.test', 'b.test']);
  alice = await federation.server('a.test').createUser('alice');
  bob = await federation.server('b.test').createUser('bob');
  alicesKeys = new SigningUser(alice.userId, 1);
  bobsKeys = new SigningUser(bob.userId, 11);
  alicesDevice = signedDeviceKeys(alice.userId, alice.deviceId, 21);
  await ok(alice, 'POST', '/keys/upload', { device_keys: alicesDevice });
});

afterEach(() => federation.stop());

async function ok(who: Session, method: 'GET' | 'POST', path: string, body?: JsonObject): Promise<JsonObject> {
  const server = federation.server(who.userId.slice(who.userId.indexOf(':') + 1));
  const request = { token: who.accessToken, ...(body === undefined ? {} : { body }) };
  return server.ok(method, `/_matrix/client/v3${path}`, request);
}

async function shareRoom(): Promise<void> {
  const { room_id: roomId } = await ok(alice, 'POST', '/createRoom', { preset: 'public_chat' });
  await ok(bob, 'POST', `/join/${roomId}?server_name=a.test`, {});
}

/** Bob's view of Alice. */
async function seenByBob(): Promise<Record<string, Record<string, JsonObject>>> {
  return (await ok(bob, 'POST', '/keys/query', { device_keys: { [alice.userId]: [] } })) as never;
}

function asked(what: string): number {
  return federation.requests('b.test', 'a.test').filter(({ path }) => path.includes(what)).length;
}

async function signDevice(): Promise<void> {
  const signature = alicesKeys.signedBy(alicesKeys.selfSigning, alicesDevice);
  const answer = await ok(alice, 'POST', '/keys/signatures/upload', {
    [alice.userId]: { [alice.deviceId]: signature },
  });
  expect(answer).toEqual({ failures: {} });
}

const uploadKeys = (keys: JsonObject) => ok(alice, 'POST', '/keys/device_signing/upload', keys);

test('strangers get the keys that others may see, and Bob signs one that is elsewhere', async () => {
  const keys = alicesKeys.keys();
  await uploadKeys(keys);
  await ok(bob, 'POST', '/keys/device_signing/upload', bobsKeys.keys());
  const seen = await seenByBob();
  expect(seen.master_keys).toEqual({ [alice.userId]: keys.master_key });
  expect(seen.self_signing_keys).toEqual({ [alice.userId]: keys.self_signing_key });
  expect(seen.user_signing_keys).toEqual({});
  const signature = bobsKeys.signedBy(bobsKeys.userSigning, keys.master_key);
  const body = { [alice.userId]: { [alicesKeys.master.publicKeyBase64]: signature } };
  expect(await ok(bob, 'POST', '/keys/signatures/upload', body)).toEqual({ failures: {} });
  expect(Object.keys(signaturesOn((await seenByBob()).master_keys?.[alice.userId], bob.userId))).toHaveLength(1);

  federation.cut('a.test', 'b.test');
  const away = (await ok(bob, 'POST', '/keys/signatures/upload', body)).failures as Record<string, JsonObject>;
  expect(away[alice.userId]).toMatchObject({ [alicesKeys.master.publicKeyBase64]: { errcode: 'M_NOT_FOUND' } });
});

test('where a room is shared Bob hears of each change, and his server is told without asking', async () => {
  await shareRoom();
  await seenByBob();
  // The first update of devices follows none, and makes the other server ask for the list.
  for (const version of [1, 2]) {
    alicesDevice = signedDeviceKeys(alice.userId, alice.deviceId, 21 + version);
    await ok(alice, 'POST', '/keys/upload', { device_keys: alicesDevice });
    await eventually(async () => {
      expect((await seenByBob()).device_keys?.[alice.userId]).toMatchObject({ [alice.deviceId]: alicesDevice });
    });
  }
  let before = await ok(bob, 'GET', '/sync');
  const lists = asked('/user/devices');
  const keys = alicesKeys.keys();
  const steps: [() => Promise<unknown>, () => Promise<void>][] = [
    [
      () => uploadKeys(keys),
      async () => {
        const seen = await seenByBob();
        expect(seen.master_keys).toEqual({ [alice.userId]: keys.master_key });
        expect(seen.self_signing_keys).toEqual({ [alice.userId]: keys.self_signing_key });
      },
    ],
    [
      signDevice,
      async () => {
        const device = (await seenByBob()).device_keys?.[alice.userId]?.[alice.deviceId] as JsonObject;
        expect(Object.keys(signaturesOn(device, alice.userId))).toContain(
          `ed25519:${alicesKeys.selfSigning.publicKeyBase64}`,
        );
      },
    ],
  ];
  for (const [change, isSeen] of steps) {
    await change();
    await eventually(isSeen);
    const next = await ok(bob, 'GET', `/sync?since=${before.next_batch}`);
    expect(next.device_lists).toMatchObject({ changed: [alice.userId] });
    before = next;
  }
  expect([asked('/user/devices'), asked('/user/keys/query')]).toEqual([lists, 0]);
});

test('a server that comes into a room later gets the keys with the list', async () => {
  await uploadKeys(alicesKeys.keys());
  await signDevice();
  await shareRoom();
  const seen = await seenByBob();
  expect(asked('/user/devices')).toBe(1);
  expect(seen.master_keys).toEqual({ [alice.userId]: alicesKeys.keys().master_key });
  expect(seen.self_signing_keys).toEqual({ [alice.userId]: alicesKeys.keys().self_signing_key });
});
