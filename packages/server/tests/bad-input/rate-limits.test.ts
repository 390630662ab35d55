import { afterEach, describe, expect, test } from 'vitest';
import { createManualWorld, type ManualWorld } from '../support/manual-world.ts';
import type { TestResponse, TestServerOptions } from '../support/test-server.ts';
import { createHostileWorld, type HostileWorld, tryRequest, V3 } from './hostile-world.ts';

/** B4, with the limits that a server has unless told otherwise. */

let hostile: HostileWorld;
let world: ManualWorld;

async function start(rateLimits: TestServerOptions['rateLimits'] = {}): Promise<void> {
  world = createManualWorld();
  hostile = await createHostileWorld({ world, rateLimits, config: { rate_limits: { enabled: true } } });
}

afterEach(async () => {
  await hostile.server.stop();
});

let requests = 0;

async function ask(method: 'PUT' | 'POST', path: string, body: string, token = hostile.token()): Promise<TestResponse> {
  requests++;
  const trial = { method, path: `${V3}${path.replace('NUMBER', `${requests}`)}`, request: { token, body } };
  const { answer, faults } = await tryRequest(hostile.server, trial);
  expect(faults).toEqual([]);
  return answer;
}

function rooms(rest: string): string {
  return `/rooms/${hostile.roomId}/${rest}`;
}

const STICKY = 'org.matrix.msc4354.sticky_duration_ms=3600000';

describe('a client that behaves', () => {
  test('B4: a call of half an hour, with messages in bursts, is never refused', async () => {
    await start();
    const refused: string[] = [];
    for (let second = 0; second < 1_800; second++) {
      const paths: [string, string][] = [];
      // The restart of a delayed event goes by another endpoint, and costs a request.
      if (second % 4 === 0) paths.push([rooms('typing/@alice:localhost'), '{"typing":true,"timeout":5000}']);
      if (second % 60 === 0) {
        paths.push([rooms(`send/org.matrix.msc4143.rtc.member/NUMBER?${STICKY}`), '{"msc4354_sticky_key":"k"}']);
      }
      if (second % 300 < 60)
        for (let index = 0; index < 5; index++) paths.push([rooms('send/m.room.message/NUMBER'), '{}']);
      for (const [path, body] of paths) {
        const { status } = await ask('PUT', path, body);
        if (status !== 200) refused.push(`${second} s: ${path} ${status}`);
      }
      world.advance(1_000);
    }
    expect(refused).toEqual([]);
  });

  test('B4: the encryption keys of a call of 100 go out at once, one to each device', async () => {
    await start();
    const users = Array.from({ length: 100 }, (_, index) => index);
    const answers = await Promise.all(users.map(() => ask('PUT', '/sendToDevice/io.element.call/NUMBER', TO_BOB())));
    expect(answers.map(({ status }) => status)).toEqual(users.map(() => 200));
  });

  const TO_BOB = () => JSON.stringify({ messages: { [hostile.bob.userId]: { '*': { key: 'x' } } } });
});

describe('over a limit: 429, when to come back, and nothing is kept', () => {
  const tight = { burst: 2, perSecond: 0.5 };

  test.each<[string, 'PUT' | 'POST', () => string, string]>([
    ['send', 'PUT', () => rooms('send/m.room.message/NUMBER'), '{}'],
    ['send', 'PUT', () => rooms(`send/m.room.message/NUMBER?${STICKY}`), '{}'],
    ['send', 'PUT', () => rooms('state/org.example.type/NUMBER'), '{"a":1}'],
    ['send', 'PUT', () => rooms(`redact/${encodeURIComponent(hostile.eventId)}/NUMBER`), '{}'],
    ['join', 'POST', () => `/join/${hostile.roomId}`, '{}'],
    ['join', 'POST', () => rooms('join'), '{}'],
    ['invite', 'POST', () => rooms('invite'), '{"user_id":"@userNUMBER:localhost"}'],
    ['createRoom', 'POST', () => '/createRoom', '{}'],
  ])('B4: %s: %s', async (name, method, path, body) => {
    await start({ [name]: tight });
    // Setting the world up has taken some.
    world.advance(60_000);
    const asked = () => ask(method, path(), body.replace('NUMBER', `${requests}`));
    expect([(await asked()).status, (await asked()).status]).toEqual([200, 200]);
    const { status, headers, body: refusal } = await asked();
    expect([status, refusal.errcode]).toEqual([429, 'M_LIMIT_EXCEEDED']);
    expect(refusal.retry_after_ms).toBe(2_000);
    expect(headers['retry-after']).toBe('2');
    expect(headers['access-control-expose-headers']).toContain('Retry-After');
    world.advance(1_999);
    expect((await asked()).status).toBe(429);
    world.advance(1);
    expect([(await asked()).status, (await asked()).status]).toEqual([200, 429]);
  });

  test('B4: limits are of a user and a room, whatever the device or the event type', async () => {
    await start({ send: tight });
    world.advance(60_000);
    const other = await hostile.server.ok('POST', `${V3}/createRoom`, { token: hostile.token(), body: {} });
    await ask('PUT', rooms('send/a/NUMBER'), '{}');
    await ask('PUT', rooms('state/b/NUMBER'), '{"a":1}');
    expect((await ask('PUT', rooms('send/c/NUMBER'), '{}')).status).toBe(429);
    expect((await ask('PUT', rooms('send/c/NUMBER'), '{}', hostile.bob.accessToken)).status).toBe(200);
    expect((await ask('PUT', `/rooms/${String(other.room_id)}/send/c/NUMBER`, '{}')).status).toBe(200);
  });

  test('a flood of racing requests gets its burst and no more', async () => {
    await start({ send: { burst: 10, perSecond: 0.1 } });
    world.advance(600_000);
    const path = (index: number) => `${V3}${rooms(`send/a/flood${index}`)}`;
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        hostile.server.request('PUT', path(index), { token: hostile.token(), body: {} }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200).length).toBe(10);
    expect(answers.filter(({ status }) => status === 429).length).toBe(190);
    const messages = `${V3}${rooms('messages?dir=b&limit=1000')}`;
    const chunk = (await hostile.server.ok('GET', messages, { token: hostile.token() })).chunk as { type: string }[];
    expect(chunk.filter(({ type }) => type === 'a').length).toBe(10);
  });
});
