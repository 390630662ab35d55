import type { KeyObject } from 'node:crypto';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { type SigningKey, signingKeyFromSeed, signJson, verifySignedJson } from '@limpet/protocol/signing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { holdAnswer } from '../../../tests/support/hold-answer.ts';
import { createManualWorld, type ManualWorld } from '../../../tests/support/manual-world.ts';
import { noNetwork } from '../../../tests/support/no-network.ts';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { readConfig } from '../../config.ts';
import type { OldKey } from '../../platform/key-file.ts';
import { OutboundFailure } from '../../platform/outbound-http.ts';
import { selectServerKeys } from '../../storage/queries/server-keys.ts';
import type { Storage } from '../../storage/storage.ts';
import { createRemoteServers, type RemoteServersService } from './create-remote-servers.ts';
import type { WantedKey } from './remote-servers.ts';

const DAY_MS = 24 * 3_600_000;
const [FIRST, SECOND, THIRD] = [1, 2, 3].map((number) => keyOf(number)) as [SigningKey, SigningKey, SigningKey];

let storage: Storage;
let world: ManualWorld;
let remote: RemoteServersService;
/** What servers say of their keys; who has no answer is not there. */
let answers: Record<string, JsonValue | string | undefined>;
let asked: string[];
let gate: Promise<void> | undefined;

beforeEach(async () => {
  storage = await openTestStorage();
  world = createManualWorld();
  answers = {};
  asked = [];
  gate = undefined;
  remote = create();
});

afterEach(() => storage.close());

function create(notaries: readonly string[] = [], oldKeys: readonly OldKey[] = []): RemoteServersService {
  return createRemoteServers({
    storage,
    platform: {
      ...world,
      ...noNetwork,
      random: seededRandom(1),
      log: silentLog,
      outboundHttp: {
        async send({ url, method }) {
          const { hostname, pathname } = new URL(url);
          if (pathname.startsWith('/.well-known')) throw new OutboundFailure('unreachable', 'Nobody is there');
          asked.push(hostname);
          await gate;
          const answer = answers[`${method} ${hostname}`] ?? answers[hostname];
          if (answer === undefined) throw new OutboundFailure('unreachable', 'Nobody is there');
          const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
          return { status: 200, headers: {}, body: Buffer.from(text) };
        },
      },
    },
    config: readConfig({ server_name: 'own.test', federation: { key_notaries: notaries } }, '/'),
    signingKey: keyOf(9),
    oldKeys,
  });
}

function keyOf(number: number): SigningKey {
  return signingKeyFromSeed(`ed25519:k${number}`, new Uint8Array(32).fill(number));
}

interface Published {
  readonly of?: string;
  readonly keys?: readonly SigningKey[];
  readonly old?: readonly (readonly [SigningKey, number])[];
  readonly validForMs?: number;
  readonly by?: SigningKey;
}

function published({ of = 'a.test', keys = [FIRST], old = [], validForMs = DAY_MS, by }: Published): JsonObject {
  const unsigned: JsonObject = {
    server_name: of,
    verify_keys: Object.fromEntries(keys.map((key) => [key.keyId, { key: key.publicKeyBase64 }])),
    old_verify_keys: Object.fromEntries(
      old.map(([key, expiredTs]) => [key.keyId, { key: key.publicKeyBase64, expired_ts: expiredTs }]),
    ),
    valid_until_ts: world.clock.nowMs() + validForMs,
  };
  return signJson(unsigned, of, by ?? keys[0] ?? FIRST);
}

async function find(key: SigningKey, validAt: WantedKey['validAt'], serverName = 'a.test'): Promise<boolean> {
  const [found] = await remote.keys.find([{ serverName, keyId: key.keyId, validAt }]);
  return found?.equals(key.publicKey) ?? false;
}

describe('keys of another server', () => {
  test('are asked for once, however many want them, and kept over a restart', async () => {
    answers['a.test'] = published({});
    const found = await Promise.all(Array.from({ length: 20 }, () => find(FIRST, 'now')));
    expect(found.every(Boolean)).toBe(true);
    remote = create();
    expect(await find(FIRST, 'now')).toBe(true);
    expect(asked).toEqual(['a.test']);
  });

  test.each([
    ['known', () => find(FIRST, 'now')],
    ['unknown', async () => {}],
  ])('are found by who looked just before they were fetched; before, the server was %s', async (_, before) => {
    answers['a.test'] = published({});
    await before();
    remote = create();
    world.advance(60_000);
    answers['a.test'] = published({ keys: [FIRST, SECOND] });
    const { reached, release } = holdAnswer(storage, selectServerKeys);
    const late = find(SECOND, 'now');
    await reached;
    expect(await find(SECOND, 'now')).toBe(true);
    release();
    expect(await late).toBe(true);
    expect(await find(SECOND, 'now')).toBe(true);
  });

  test('are refused after they expired, and asked for again', async () => {
    answers['a.test'] = published({ validForMs: 3_600_000 });
    expect(await find(FIRST, 'now')).toBe(true);
    answers = {};
    world.advance(3_600_001);
    expect(await find(FIRST, 'now')).toBe(false);
    const before = world.clock.nowMs() - 1_000;
    expect([await find(FIRST, before), await find(FIRST, before + 1_000), await find(FIRST, undefined)]).toEqual([
      true,
      false,
      true,
    ]);
    answers['a.test'] = published({});
    world.advance(60_000);
    expect(await find(FIRST, 'now')).toBe(true);
  });

  test('are believed for seven days at most, whatever the server says', async () => {
    answers['a.test'] = published({ validForMs: 1_000 * DAY_MS });
    const nowMs = world.clock.nowMs();
    expect(await find(FIRST, nowMs + 7 * DAY_MS)).toBe(true);
    expect(await find(FIRST, nowMs + 7 * DAY_MS + 1)).toBe(false);
  });

  test('are asked for ahead of their end, while the old answer still serves', async () => {
    answers['a.test'] = published({});
    await find(FIRST, 'now');
    answers['a.test'] = published({ validForMs: 2 * DAY_MS });
    world.advance(DAY_MS / 2 + 1);
    expect(await find(FIRST, 'now')).toBe(true);
    await expect.poll(() => storage.tally.batches).toBe(2);
    world.advance(DAY_MS / 2);
    answers = {};
    expect(await find(FIRST, 'now')).toBe(true);
  });

  test('change: the old one is good for old events, not for requests', async () => {
    answers['a.test'] = published({});
    expect(await find(FIRST, 'now')).toBe(true);
    world.advance(60_000);
    const expiredTs = world.clock.nowMs();
    answers['a.test'] = published({ keys: [SECOND], old: [[FIRST, expiredTs]] });
    expect(await find(SECOND, 'now')).toBe(true);
    expect(await Promise.all([find(FIRST, 'now'), find(FIRST, expiredTs), find(FIRST, expiredTs + 1)])).toEqual([
      false,
      true,
      false,
    ]);
  });

  test('that are named no more ended when that was heard', async () => {
    answers['a.test'] = published({});
    await find(FIRST, 'now');
    world.advance(60_000);
    answers['a.test'] = published({ keys: [SECOND] });
    await find(SECOND, 'now');
    const nowMs = world.clock.nowMs();
    expect(await Promise.all([find(FIRST, 'now'), find(FIRST, nowMs), find(FIRST, nowMs + 1)])).toEqual([
      false,
      true,
      false,
    ]);
  });

  test.each<[string, () => JsonValue | string]>([
    ['a page', () => '<html>It works!</html>'],
    ['an answer about another server', () => published({ of: 'b.test' })],
    ['an answer that somebody else signed', () => published({ by: SECOND })],
    ['an answer that was changed', () => ({ ...published({}), valid_until_ts: 4_000_000_000_000 })],
    ['an answer without a signature', () => ({ ...published({}), signatures: {} })],
    ['an answer without keys', () => published({ keys: [], by: FIRST })],
    ['a key that is none', () => ({ ...published({}), verify_keys: { [FIRST.keyId]: { key: 'AAAA' } } })],
    ['a time that is none', () => ({ ...published({}), valid_until_ts: '4000000000000' })],
  ])('are not taken from %s', async (_what, answer) => {
    answers['a.test'] = answer();
    expect(await find(FIRST, undefined)).toBe(false);
    expect(storage.tally.batches).toBe(0);
  });

  test('that nobody has are not asked for again and again', async () => {
    answers['a.test'] = published({});
    for (let count = 0; count < 10; count++) expect(await find(THIRD, 'now')).toBe(false);
    expect(asked).toHaveLength(1);
    for (let count = 0; count < 10; count++) await find(FIRST, 'now', 'away.test');
    expect(asked).toHaveLength(2);
    world.advance(10_000);
    await find(THIRD, 'now');
    await find(FIRST, 'now', 'away.test');
    expect(asked).toHaveLength(4);
  });

  test('of many servers wait for those that do not answer for a minute, and no longer', async () => {
    answers['a.test'] = published({});
    await find(FIRST, 'now');
    let open = () => {};
    gate = new Promise((resolve) => {
      open = resolve;
    });
    const wanted = ['a.test', 'slow.test'].map((serverName) => ({
      serverName,
      keyId: FIRST.keyId,
      validAt: 'now' as const,
    }));
    const finding = remote.keys.find(wanted);
    await expect.poll(() => asked).toContain('slow.test');
    world.advance(60_000);
    expect((await finding).map((key) => key !== undefined)).toEqual([true, false]);
    open();
  });

  test('of names that cannot be, and of another algorithm, are not even asked for', async () => {
    expect(await find(FIRST, 'now', 'a b')).toBe(false);
    expect(await find(FIRST, 'now', '')).toBe(false);
    expect(asked).toEqual([]);
  });
});

describe('a notary', () => {
  function attested(answer: JsonObject, by = THIRD): JsonObject {
    return { server_keys: [signJson(answer, 'notary.test', by)] };
  }

  beforeEach(() => {
    remote = create(['notary.test']);
    answers['notary.test'] = published({ of: 'notary.test', keys: [THIRD] });
  });

  test('is asked for the keys of a server that does not answer', async () => {
    answers['POST notary.test'] = attested(published({}));
    expect(await find(FIRST, 'now')).toBe(true);
    expect(asked).toEqual(['a.test', 'notary.test', 'notary.test']);
  });

  test.each<[string, () => JsonValue]>([
    ['did not sign its answer', () => ({ server_keys: [published({})] })],
    ['signed with a key that it does not publish', () => attested(published({}), SECOND)],
    ['tells what the server did not sign', () => attested(published({ by: SECOND }))],
    ['tells of another server', () => attested(published({ of: 'b.test' }))],
    ['knows nothing', () => ({ server_keys: [] })],
    ['answers something else', () => [1]],
  ])('that %s is not believed', async (_what, answer) => {
    answers['POST notary.test'] = answer();
    expect(await find(FIRST, 'now')).toBe(false);
  });

  test('is what we are to others: with both signatures, from what is known, asking only where it must', async () => {
    answers['a.test'] = published({});
    const nowMs = world.clock.nowMs();
    const query = (minimum?: number, server = 'a.test') => remote.notary.query(new Map([[server, minimum]]));
    const [answer] = await query();
    const keys = (key: SigningKey): Map<string, KeyObject> => new Map([[key.keyId, key.publicKey]]);
    expect(verifySignedJson(answer ?? {}, 'a.test', keys(FIRST)).allowed).toBe(true);
    expect(verifySignedJson(answer ?? {}, 'own.test', keys(keyOf(9))).allowed).toBe(true);
    answers = {};
    expect(await query(nowMs + DAY_MS)).toHaveLength(1);
    expect(asked).toHaveLength(1);
    world.advance(60_000);
    // It is away: what is known is better than nothing.
    expect(await query(nowMs + DAY_MS + 1)).toHaveLength(1);
    expect(asked.filter((name) => name === 'a.test')).toHaveLength(2);
    expect(await query(undefined, 'unknown.test')).toEqual([]);
    expect(await query(undefined, 'a b')).toEqual([]);
    expect(await query(undefined, 'own.test')).toMatchObject([{ server_name: 'own.test' }]);
  });
});

describe('our own keys', () => {
  test('from before are published, and good for events of their time', async () => {
    const old = { keyId: SECOND.keyId, publicKeyBase64: SECOND.publicKeyBase64, expiredTs: 1_000 };
    remote = create([], [old]);
    expect(remote.ownKeys.document().old_verify_keys).toEqual({
      [SECOND.keyId]: { key: SECOND.publicKeyBase64, expired_ts: 1_000 },
    });
    const times = [undefined, 999, 1_000, 1_001, 'now'] as const;
    expect(await Promise.all(times.map((time) => find(SECOND, time, 'own.test')))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(asked).toEqual([]);
  });

  test('are signed, hold for a day, and are signed anew before that is over', async () => {
    const first = remote.ownKeys.document();
    expect(verifySignedJson(first, 'own.test', new Map([['ed25519:k9', keyOf(9).publicKey]])).allowed).toBe(true);
    expect(first.valid_until_ts).toBe(world.clock.nowMs() + DAY_MS);
    world.advance(DAY_MS / 2);
    expect(remote.ownKeys.document()).toBe(first);
    world.advance(1);
    expect(remote.ownKeys.document().valid_until_ts).toBe(world.clock.nowMs() + DAY_MS);
  });

  test('are not signed into the future where the clock steps back', () => {
    remote.ownKeys.document();
    world.stepWallClock(-365 * DAY_MS);
    expect(remote.ownKeys.document().valid_until_ts).toBe(world.clock.nowMs() + DAY_MS);
  });
});

describe('a server that cannot be reached', () => {
  const VERSION = { method: 'GET', path: '/_matrix/federation/v1/version' } as const;
  const ask = (more: { asksAfterFailure?: boolean } = {}) => remote.request('a.test', { ...VERSION, ...more });

  test('fails at once for some seconds, longer each time, until it is heard from', async () => {
    const times: number[] = [];
    for (const ms of [0, 4_999, 1, 9_999, 1]) {
      world.advance(ms);
      await expect(ask()).rejects.toMatchObject({ kind: 'unreachable' });
      times.push(asked.length);
    }
    expect(times).toEqual([1, 1, 2, 2, 3]);
    await expect(ask({ asksAfterFailure: true })).rejects.toThrow('Nobody is there');
    expect(asked).toHaveLength(4);
    const heard: string[] = [];
    const end = remote.onHeardFrom((name) => heard.push(name));
    remote.heardFrom('a.test');
    answers['a.test'] = {};
    expect(await ask()).toEqual({});
    end();
    remote.heardFrom('a.test');
    expect(heard).toEqual(['a.test']);
  });

  test('is heard from when it answers again, and is no more than that once', async () => {
    const heard: string[] = [];
    remote.onHeardFrom((name) => heard.push(name));
    await expect(ask()).rejects.toThrow('Nobody is there');
    answers['a.test'] = {};
    await ask({ asksAfterFailure: true });
    await ask();
    expect(heard).toEqual(['a.test']);
  });

  test('is another than one that refuses', async () => {
    answers['a.test'] = '<html>';
    await expect(ask()).rejects.toMatchObject({ kind: 'bad-answer' });
    await expect(ask()).rejects.toMatchObject({ kind: 'bad-answer' });
    expect(asked).toHaveLength(2);
  });
});
