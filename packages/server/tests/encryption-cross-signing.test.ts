import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { keyOf, SigningUser, signaturesOn, signedDeviceKeys } from './support/signing-user.ts';
import { SyncStory } from './support/sync-story.ts';
import type { TestResponse } from './support/test-server.ts';

const SIGNING_KEYS = '/keys/device_signing/upload';
const SIGNATURES = '/keys/signatures/upload';

let story: SyncStory;
let seeds = 1;
let users = 0;

beforeAll(async () => {
  story = await SyncStory.begin();
});

afterAll(() => story.end());

/** A user with a device that has keys, and with cross-signing keys that nobody uploaded yet. */
interface Person {
  readonly name: string;
  readonly session: Session;
  readonly keys: SigningUser;
  readonly device: JsonObject;
}

async function person(): Promise<Person> {
  users += 1;
  const name = `user${users}`;
  const session = await story.user(name);
  const device = await withDeviceKeys(session);
  return { name, session, keys: newKeys(session), device };
}

function newKeys({ userId }: Session): SigningUser {
  seeds += 3;
  return new SigningUser(userId, seeds);
}

async function withDeviceKeys(session: Session): Promise<JsonObject> {
  const device = signedDeviceKeys(session.userId, session.deviceId, deviceSeed(session));
  await story.do(session, 'POST', '/keys/upload', { device_keys: device });
  return device;
}

function deviceSeed({ deviceId }: Session): number {
  return 128 + (deviceId.charCodeAt(0) % 128);
}

async function signed(): Promise<Person> {
  const somebody = await person();
  await story.do(somebody.session, 'POST', SIGNING_KEYS, somebody.keys.keys());
  return somebody;
}

function passwordOf({ name }: Person, session?: unknown): JsonObject {
  const auth = {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: name },
    password: `password of ${name}`,
  };
  return typeof session === 'string' ? { ...auth, session } : auth;
}

/** The answer of keys/query: by member, by user. */
async function query(viewer: Session, ...userIds: string[]): Promise<Record<string, Record<string, JsonObject>>> {
  const device_keys = Object.fromEntries(userIds.map((userId) => [userId, []]));
  return (await story.do(viewer, 'POST', '/keys/query', { device_keys })) as never;
}

function verdict({ status, body }: TestResponse): unknown[] {
  return [status, body.errcode];
}

describe('uploading cross-signing keys', () => {
  test('the first need no proof, nor do the same again; everybody finds all but the user-signing key', async () => {
    const { session, keys } = await person();
    const other = await story.user('stranger');
    for (const _ of [1, 2]) expect(await story.do(session, 'POST', SIGNING_KEYS, keys.keys())).toEqual({});
    const { master_key: master, self_signing_key: selfSigning, user_signing_key: userSigning } = keys.keys();
    const { userId } = session;
    expect(await query(session, userId, other.userId)).toMatchObject({
      master_keys: { [userId]: master },
      self_signing_keys: { [userId]: selfSigning },
      user_signing_keys: { [userId]: userSigning },
    });
    const seen = await query(other, userId);
    expect(seen.master_keys).toEqual({ [userId]: master });
    expect(seen.self_signing_keys).toEqual({ [userId]: selfSigning });
    expect(seen.user_signing_keys).toEqual({});
  });

  test('new ones are asked for the password, and take what they did not sign with them', async () => {
    const somebody = await signed();
    const { session } = somebody;
    const renewed = newKeys(session);
    const { master_key } = renewed.keys();
    const challenge = await story.ask(session, 'POST', SIGNING_KEYS, { master_key });
    expect(challenge.status).toBe(401);
    expect(challenge.body).toMatchObject({ flows: [{ stages: ['m.login.password'] }], session: expect.any(String) });
    const wrong = { ...passwordOf(somebody, challenge.body.session), password: 'wrong' };
    expect(verdict(await story.ask(session, 'POST', SIGNING_KEYS, { auth: wrong }))).toEqual([401, 'M_FORBIDDEN']);
    expect((await query(session, session.userId)).master_keys).toEqual({
      [session.userId]: somebody.keys.keys().master_key,
    });
    await story.do(session, 'POST', SIGNING_KEYS, { auth: passwordOf(somebody, challenge.body.session) });
    const { failures: _, device_keys: __, ...now } = await query(session, session.userId);
    expect(now).toEqual({
      master_keys: { [session.userId]: master_key },
      self_signing_keys: {},
      user_signing_keys: {},
    });
    const { self_signing_key } = renewed.keys();
    const auth = passwordOf(somebody);
    await story.do(session, 'POST', SIGNING_KEYS, { self_signing_key, auth });
    expect((await query(session, session.userId)).self_signing_keys).toEqual({ [session.userId]: self_signing_key });
  });

  test('of two first uploads at once one is kept', async () => {
    const { session, keys } = await person();
    const uploads = [keys, newKeys(session)].map((one) => story.ask(session, 'POST', SIGNING_KEYS, one.keys()));
    const statuses = (await Promise.all(uploads)).map(({ status }) => status);
    // The other one is asked for the password, or told that something came between.
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect([401, 429]).toContain(statuses.find((status) => status !== 200));
  });

  test('what is wrong with them is said', async () => {
    const { session, keys } = await person();
    const { master_key: master, self_signing_key: selfSigning, user_signing_key: userSigning } = keys.keys();
    const stranger = newKeys(session);
    const cases: [JsonObject, string][] = [
      [{}, 'M_MISSING_PARAM'],
      [{ self_signing_key: selfSigning }, 'M_MISSING_PARAM'],
      [{ master_key: { ...master, user_id: '@x:localhost' } }, 'M_INVALID_PARAM'],
      [{ master_key: { ...master, usage: ['self_signing'] } }, 'M_INVALID_PARAM'],
      [{ master_key: { ...master, keys: {} } }, 'M_INVALID_PARAM'],
      [{ master_key: { ...master, keys: { 'ed25519:x': 'x' } } }, 'M_INVALID_PARAM'],
      [{ master_key: { ...master, keys: { 'ed25519:x': keyOf(1).publicKeyBase64 } } }, 'M_INVALID_PARAM'],
      [{ master_key: { usage: ['master'], keys: {} } }, 'M_MISSING_PARAM'],
      [{ master_key: { ...master, keys: { 'ed25519:x': 5 } } }, 'M_BAD_JSON'],
      [{ master_key: { ...master, half: 0.5 } }, 'M_BAD_JSON'],
      [{ master_key: master, self_signing_key: { ...selfSigning, signatures: {} } }, 'M_INVALID_SIGNATURE'],
      [{ master_key: master, user_signing_key: { ...userSigning, more: 1 } }, 'M_INVALID_SIGNATURE'],
      [{ master_key: stranger.keys().master_key, self_signing_key: selfSigning }, 'M_INVALID_SIGNATURE'],
    ];
    for (const [body, errcode] of cases) {
      expect([body, ...verdict(await story.ask(session, 'POST', SIGNING_KEYS, body))]).toEqual([body, 400, errcode]);
    }
    const large = { master_key: { ...master, more: 'x'.repeat(30_000) } };
    expect(verdict(await story.ask(session, 'POST', SIGNING_KEYS, large))).toEqual([413, 'M_TOO_LARGE']);
    expect((await query(session, session.userId)).master_keys).toEqual({});
  });

  test('no device is called like a key, whichever comes first', async () => {
    const somebody = await signed();
    const { name, session } = somebody;
    const login = (device_id: string) =>
      story.server.request('POST', '/_matrix/client/v3/login', { body: { ...passwordOf(somebody), device_id } });
    const taken = await login(somebody.keys.master.publicKeyBase64);
    expect(verdict(taken)).toEqual([403, 'M_FORBIDDEN']);
    const renewed = newKeys(session);
    expect((await login(renewed.master.publicKeyBase64)).status).toBe(200);
    const upload = { ...renewed.keys(), auth: passwordOf(somebody) };
    expect(verdict(await story.ask(session, 'POST', SIGNING_KEYS, upload))).toEqual([403, 'M_FORBIDDEN']);
    expect(name).toBeDefined();
  });
});

describe('uploading signatures', () => {
  test('of own devices and the own master key, for everybody', async () => {
    const { session, keys, device } = await signed();
    const { userId, deviceId } = session;
    const masterId = keys.master.publicKeyBase64;
    const master = keys.signedBy(keyOf(deviceSeed(session)), keys.keys().master_key, deviceId);
    const body = { [userId]: { [deviceId]: keys.signedBy(keys.selfSigning, device), [masterId]: master } };
    for (const _ of [1, 2]) expect(await story.do(session, 'POST', SIGNATURES, body)).toEqual({ failures: {} });
    const seen = await query(await story.user(`viewer-of-${users}`), userId);
    expect(Object.keys(signaturesOn(seen.device_keys?.[userId]?.[deviceId] as JsonObject, userId)).sort()).toEqual(
      [`ed25519:${deviceId}`, `ed25519:${keys.selfSigning.publicKeyBase64}`].sort(),
    );
    expect(Object.keys(signaturesOn(seen.master_keys?.[userId], userId))).toEqual([`ed25519:${deviceId}`]);
    // The device says its keys again, as clients do: the signature of its user stays.
    await story.do(session, 'POST', '/keys/upload', { device_keys: device });
    expect(await query(session, userId)).toMatchObject({
      device_keys: seen.device_keys,
      master_keys: seen.master_keys,
    });
  });

  test("of another user's master key, for the signer alone", async () => {
    const [alice, bob] = [await signed(), await signed()];
    const bobsKey = bob.keys.keys().master_key;
    const signature = alice.keys.signedBy(alice.keys.userSigning, bobsKey);
    const body = { [bob.session.userId]: { [bob.keys.master.publicKeyBase64]: signature } };
    expect(await story.do(alice.session, 'POST', SIGNATURES, body)).toEqual({ failures: {} });
    const seenBy = async ({ session }: Person) => {
      const { master_keys } = await query(session, bob.session.userId);
      return Object.keys(signaturesOn(master_keys?.[bob.session.userId], alice.session.userId));
    };
    expect(await seenBy(alice)).toEqual([`ed25519:${alice.keys.userSigning.publicKeyBase64}`]);
    expect(await seenBy(bob)).toEqual([]);

    // A new master key of Bob's is not the one that Alice signed; nor does anything stay of Alice's old keys.
    await story.do(bob.session, 'POST', SIGNING_KEYS, { ...newKeys(bob.session).keys(), auth: passwordOf(bob) });
    expect(await seenBy(alice)).toEqual([]);
  });

  test('what cannot be taken is named, and the rest is kept', async () => {
    const [alice, bob] = [await signed(), await signed()];
    const { userId, deviceId } = alice.session;
    const { userSigning, selfSigning, master } = alice.keys;
    const bobsId = bob.keys.master.publicKeyBase64;
    const bobsKey = bob.keys.keys().master_key;
    const failures = async (signed: JsonObject) =>
      (await story.do(alice.session, 'POST', SIGNATURES, signed)).failures as Record<
        string,
        Record<string, JsonObject>
      >;
    const good = alice.keys.signedBy(selfSigning, alice.device);
    const answer = await failures({
      [userId]: { [deviceId]: good, GONE: good, [selfSigning.publicKeyBase64]: alice.keys.keys().self_signing_key },
      [bob.session.userId]: { [bobsId]: alice.keys.signedBy(master, bobsKey), OTHER: bobsKey },
      '@nobody:localhost': { x: {} },
      nonsense: { x: {} },
      __proto__: { x: {} },
    });
    const codes = Object.entries(answer).map(([user, keys]) => [
      user,
      Object.fromEntries(Object.entries(keys).map(([key, { errcode }]) => [key, errcode])),
    ]);
    expect(Object.fromEntries(codes)).toEqual({
      [userId]: { GONE: 'M_NOT_FOUND', [selfSigning.publicKeyBase64]: 'M_NOT_FOUND' },
      [bob.session.userId]: { [bobsId]: 'M_INVALID_SIGNATURE', OTHER: 'M_NOT_FOUND' },
      '@nobody:localhost': { x: 'M_NOT_FOUND' },
      nonsense: { x: 'M_NOT_FOUND' },
    });
    const device = (await query(alice.session, userId)).device_keys?.[userId]?.[deviceId] as JsonObject;
    expect(signaturesOn(device, userId)).toHaveProperty([`ed25519:${selfSigning.publicKeyBase64}`]);

    const changed = alice.keys.signedBy(userSigning, { ...bobsKey, more: 1 });
    const forged = { ...bobsKey, signatures: { [userId]: { [`ed25519:${userSigning.publicKeyBase64}`]: 'AAAA' } } };
    for (const wrong of [changed, forged, bobsKey]) {
      const { [bob.session.userId]: ofBob } = await failures({ [bob.session.userId]: { [bobsId]: wrong } });
      expect(ofBob?.[bobsId]?.errcode).toBe('M_INVALID_SIGNATURE');
    }
  });

  test.each<[JsonObject, unknown[]]>([
    [{ '@a:localhost': 5 }, [400, 'M_BAD_JSON']],
    [{ '@a:localhost': { x: 'y' } }, [400, 'M_BAD_JSON']],
    [
      { '@a:localhost': Object.fromEntries(Array.from({ length: 501 }, (_, n) => [`k${n}`, {}])) },
      [413, 'M_TOO_LARGE'],
    ],
  ])('bad input is refused (%#)', async (body, expected) => {
    const { session } = await person();
    expect(verdict(await story.ask(session, 'POST', SIGNATURES, body))).toEqual(expected);
  });
});

describe('device_lists: who has to ask for keys anew', () => {
  test('whoever shares a room hears of new cross-signing keys and of signed devices (C12), others do not', async () => {
    const [alice, bob, carol] = [await person(), await person(), await person()];
    await story.join(bob.session, await story.room(alice.session));
    const [own, others, strangers] = [alice, bob, carol].map(({ session }) => story.client(session));
    for (const client of [own, others, strangers]) await client?.sync();
    const { userId, deviceId } = alice.session;
    const steps: [string, JsonObject][] = [
      [SIGNING_KEYS, alice.keys.keys()],
      [SIGNATURES, { [userId]: { [deviceId]: alice.keys.signedBy(alice.keys.selfSigning, alice.device) } }],
    ];
    for (const [path, body] of steps) {
      await story.do(alice.session, 'POST', path, body);
      for (const client of [own, others]) {
        expect((await client?.sync())?.body.device_lists).toMatchObject({ changed: [userId] });
      }
      expect((await strangers?.sync())?.body).not.toHaveProperty('device_lists');
    }
  });

  test('whom a user signed his own devices hear of, and nobody else', async () => {
    const [alice, bob] = [await signed(), await signed()];
    await story.join(bob.session, await story.room(alice.session));
    const [own, others] = [story.client(alice.session), story.client(bob.session)];
    const before = (await own.sync()).body;
    await others.sync();
    const signature = alice.keys.signedBy(alice.keys.userSigning, bob.keys.keys().master_key);
    const sliding = '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync';
    const token = alice.session.accessToken;
    const body = { extensions: { e2ee: { enabled: true } } };
    const { pos } = await story.server.ok('POST', sliding, { token, body });
    const waiting = own.sync({ timeoutMs: 30_000 });
    await story.do(alice.session, 'POST', SIGNATURES, {
      [bob.session.userId]: { [bob.keys.master.publicKeyBase64]: signature },
    });
    expect((await waiting).body.device_lists).toMatchObject({ changed: [bob.session.userId] });
    expect((await others.sync()).body).not.toHaveProperty('device_lists');
    const { extensions } = await story.server.ok('POST', `${sliding}?pos=${pos}`, { token, body });
    expect(extensions).toMatchObject({ e2ee: { device_lists: { changed: [bob.session.userId] } } });
    // The same from the tables, when the stream's tail does not know.
    await story.restart();
    const path = `/sync?since=${before.next_batch}`;
    expect((await story.do(alice.session, 'GET', path)).device_lists).toMatchObject({ changed: [bob.session.userId] });
  });
});
