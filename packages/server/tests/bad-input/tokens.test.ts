import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import { defineStatement } from '../../src/storage/statement.ts';
import { createManualWorld } from '../support/manual-world.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { silentLog } from '../support/silent-log.ts';
import { createTestServer, type TestResponse } from '../support/test-server.ts';
import { createHostileWorld, type HostileWorld, tryRequest, V3 } from './hostile-world.ts';

let world: HostileWorld;
const manual = createManualWorld();

beforeEach(async () => {
  world = await createHostileWorld({ world: manual });
});

afterEach(async () => {
  await world.server.stop();
});

async function get(path: string, token = world.token()): Promise<TestResponse> {
  const { answer, faults } = await tryRequest(world.server, {
    method: 'GET',
    path: `${V3}${path}`,
    request: { token },
  });
  expect(faults).toEqual([]);
  return answer;
}

async function nextBatch(of = world): Promise<string> {
  return String((await of.server.ok('GET', `${V3}/sync`, { token: of.token() })).next_batch);
}

describe('an access token that has expired', () => {
  const expire = defineStatement<{ expiresTs: number; userId: string }>(
    'update access_tokens set expires_ts = :expiresTs where user_id = :userId',
  );

  async function outcomes(token: string): Promise<unknown[]> {
    const { endpoints } = world.server.server;
    const needing = endpoints.filter(({ authentication }) => authentication.endsWith('access token'));
    expect(needing.length).toBeGreaterThan(50);
    const found: unknown[] = [];
    for (const endpoint of needing) {
      const { method } = endpoint;
      const trial = { method, path: world.pathOf(endpoint), request: { token, body: '{' } };
      const { answer, faults } = await tryRequest(world.server, trial);
      found.push(...faults, `${answer.status} ${String(answer.body.errcode)}`);
    }
    return [...new Set(found)];
  }

  test('is unknown on every route from the instant at which it expires, kept in memory or not', async () => {
    const { server } = world;
    const { userId, accessToken } = await server.createUser('carol');
    const expiresTs = manual.clock.nowMs() + 1_000;
    await server.storage.write((transaction) => transaction.run(expire, { expiresTs, userId }));
    manual.advance(999);
    expect((await get('/account/whoami', accessToken)).body.user_id).toBe(userId);
    manual.advance(1);
    expect(await outcomes(accessToken)).toEqual(['401 M_UNKNOWN_TOKEN']);
    const restarted = await createTestServer({ storage: server.storage, world: manual, seed: 2 });
    const request = { token: accessToken };
    expect((await restarted.request('GET', `${V3}/account/whoami`, request)).body.errcode).toBe('M_UNKNOWN_TOKEN');
    await restarted.stop();
  });
});

describe('a place in the stream', () => {
  /** Where a token goes in, and whether it takes those of timelines. */
  const PARAMETERS: readonly [string, string, boolean][] = [
    ['since', '/sync?since=TOKEN', false],
    ['from', '/rooms/ROOM/messages?dir=b&from=TOKEN', true],
    ['to', '/rooms/ROOM/messages?dir=b&to=TOKEN', true],
    ['at', '/rooms/ROOM/members?at=TOKEN', true],
    ['from', '/keys/changes?from=TOKEN&to=GOOD', false],
    ['to', '/keys/changes?from=GOOD&to=TOKEN', false],
  ];

  async function outcome(path: string, token: string): Promise<unknown[]> {
    const filled = path.replace('ROOM', world.roomId).replace('GOOD', await nextBatch());
    const { status, body } = await get(filled.replace('TOKEN', encodeURIComponent(token)));
    return status === 200 ? [200] : [status, body.errcode, body.error];
  }

  test.each(PARAMETERS)('%s of %s: anything but a token of this server is refused by name', async (name, path) => {
    const good = await nextBatch();
    const tag = world.server.storage.databaseTag;
    const forged = [
      'x',
      's',
      's1',
      's1__',
      's1_',
      `s1_${tag}`,
      `s1_${tag}_`,
      `s1_${tag}_1`,
      `s1_${tag}_1-`,
      `s1_${tag}_-1-1`,
      `s1_${tag}_1-1.1-2`,
      `s1_${tag}_1-1-1`,
      `s1_${tag}_1-1e3`,
      `s1_${tag}_1-ZZ`,
      `s1_${tag}_9-5`,
      `s2_${tag}_1-5`,
      `${good}_`,
      `${good}_x1`,
      `${good}_k`,
      `${good}_k1`,
      `${good}_k1.2_k1.2`,
      `${good}_k1.2.${'1.'.repeat(1_000)}1`,
      `${good}_d`,
      `${good}_d-1`,
      `${good}_d1_d1`,
      `${good}\0`,
      ` ${good}`,
      `${good} `,
      good.toUpperCase(),
      '__proto__',
      'x'.repeat(13_000),
      `s1_${tag}_${'1-1.'.repeat(3_000)}1-1`,
      `s1_${tag}_1-zzzzzzzzzzz`,
      `s1_${tag}_1-zzzzzz`,
      `t1_${tag}_`,
      `t1_${tag}_x_y`,
      `t1_${tag}_--1`,
      `t1_${tag}_1!`,
      't1_zzzzzz_5',
      't2',
      '5',
      's72594_4483_1934',
    ];
    for (const token of forged) {
      const [status, errcode, error] = await outcome(path, token);
      expect([token, status, errcode]).toEqual([token, 400, 'M_INVALID_PARAM']);
      expect(String(error)).toMatch(new RegExp(`^${name} `));
    }
  });

  test.each(PARAMETERS)('%s of %s: a token of another server or database', async (_name, path) => {
    const storage = await openSqliteStorage({ random: seededRandom(99), log: silentLog, path: ':memory:' });
    const other = await createHostileWorld({ storage, seed: 7 });
    try {
      const [status, errcode] = await outcome(path, await nextBatch(other));
      expect([status, errcode]).toEqual([400, 'M_INVALID_PARAM']);
      const page = await other.server.ok('GET', `${V3}/rooms/${other.roomId}/messages?dir=b&limit=1`, {
        token: other.token(),
      });
      expect((await outcome(path, String(page.end))).slice(0, 2)).toEqual([400, 'M_INVALID_PARAM']);
    } finally {
      await other.server.stop();
      await storage.close();
    }
  });

  test.each(PARAMETERS)('%s of %s: a token of a timeline where one may stand', async (_name, path, takesTimeline) => {
    const messages = `/rooms/${world.roomId}/messages?dir=b&limit=1`;
    const { end } = (await get(messages)).body;
    const expected = takesTimeline ? [200] : [400, 'M_INVALID_PARAM'];
    expect((await outcome(path, String(end))).slice(0, 2)).toEqual(expected);
    expect(await outcome(path, await nextBatch())).toEqual([200]);
  });

  test('a token of a later position than the newest lies in the future', async () => {
    const good = await nextBatch();
    const position = Number.parseInt(good.split('-')[1] ?? '', 36);
    const later = `s1_${world.server.storage.databaseTag}_1-${(position + 1).toString(36)}`;
    expect((await get(`/sync?since=${later}`)).body.error).toContain('future');
  });

  test('a forged sticky cursor or device position is refused or harmless', async () => {
    const good = await nextBatch();
    const path = `${V3}/rooms/${world.roomId}/send/m.room.message/s?org.matrix.msc4354.sticky_duration_ms=60000`;
    const sent = await world.server.ok('PUT', path, { token: world.token(), body: {} });
    for (const forged of [
      '_k0.0',
      '_k1.1',
      '_k2gosa7pa2gv.1',
      '_k1.1.1.1.1',
      '_k1.1.2gosa7pa2gv',
      '_d0',
      '_d2gosa7pa2gv',
    ]) {
      const { status, text } = await get(`/sync?since=${good}${forged}`);
      expect([forged, [200, 400].includes(status)]).toEqual([forged, true]);
      if (status === 200) expect(text.split(String(sent.event_id)).length).toBe(2);
    }
  });
});
