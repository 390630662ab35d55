import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import { createHostileWorld, type HostileWorld, tryRequest, V3 } from './hostile-world.ts';

/** B1, A4, A6: everything that can stand in the sticky parameter, under both names, on both endpoints. */

const STABLE = 'sticky_duration_ms';
const UNSTABLE = 'org.matrix.msc4354.sticky_duration_ms';

let world: HostileWorld;

afterEach(async () => {
  await world.server.stop();
});

/** The value as it goes into the query, and the duration that it means. */
const GOOD: readonly [string, number][] = [
  ['0', 0],
  ['1', 1],
  ['00005', 5],
  ['3600000', 3_600_000],
  ['%31', 1],
];

const BAD = [
  '',
  '-1',
  '-0',
  '+1',
  '%2B1',
  '%201',
  '1%20',
  '1.0',
  '1.5',
  '1e3',
  '3.6e6',
  '0x10',
  '3600001',
  '99999999999999999999',
  '9'.repeat(400),
  'NaN',
  'Infinity',
  'null',
  'true',
  'text',
  '[1]',
  '{"duration_ms":1}',
  '1,2',
  '1_000',
  '%00',
  '1%00',
  '%D9%A1',
  '%EF%BC%91',
];

type Way = readonly [string, (number: number) => string];
const SEND: Way = ['/send', (number) => `send/m.room.message/${number}`];
const STATE: Way = ['/state with a key', () => 'state/org.example.type/key'];
const STATE_WITHOUT_KEY: Way = ['/state without a key', () => 'state/org.example.type'];

let requests = 0;

/** The sticky field of the event that was sent, or how it was refused. */
async function send([, pathOf]: Way, query: string): Promise<JsonObject | unknown[] | undefined> {
  requests++;
  const path = `${V3}/rooms/${world.roomId}/${pathOf(requests)}?${query}`;
  const request = { token: world.token(), body: { body: `${requests}` } };
  const { answer, faults } = await tryRequest(world.server, { method: 'PUT', path, request });
  expect(faults).toEqual([]);
  if (answer.status !== 200) return [answer.status, answer.body.errcode, answer.body.error];
  const event = await world.server.ok('GET', `${V3}/rooms/${world.roomId}/event/${String(answer.body.event_id)}`, {
    token: world.token(),
  });
  return event.msc4354_sticky as JsonObject | undefined;
}

describe.each([
  [SEND, [STABLE, UNSTABLE]],
  [STATE, [UNSTABLE]],
  [STATE_WITHOUT_KEY, [UNSTABLE]],
])('%s', (way, names) => {
  test('B1: an integer from 0 to 3,600,000 is taken', async () => {
    world = await createHostileWorld();
    for (const name of names) {
      for (const [text, durationMs] of GOOD) {
        expect([text, await send(way, `${name}=${text}`)]).toEqual([text, { duration_ms: durationMs }]);
      }
    }
  });

  test('B1: anything else is M_INVALID_PARAM that names the parameter and its range, and sends nothing', async () => {
    world = await createHostileWorld();
    for (const name of names) {
      for (const text of BAD) {
        const [status, errcode, error] = (await send(way, `${name}=${text}`)) as unknown[];
        expect([text, status, errcode]).toEqual([text, 400, 'M_INVALID_PARAM']);
        expect(String(error).startsWith(`${name} must be`)).toBe(true);
        expect(error).toContain('3600000');
      }
    }
  });

  test('A6: with the feature off, whatever stands there is ignored', async () => {
    world = await createHostileWorld({ config: { sticky_events: { enabled: false } } });
    for (const name of [STABLE, UNSTABLE]) {
      for (const text of [...BAD, ...GOOD.map(([good]) => good)]) {
        expect([text, await send(way, `${name}=${text}`)]).toEqual([text, undefined]);
      }
    }
    expect(await send(way, `${STABLE}=1&${UNSTABLE}=2`)).toBeUndefined();
  });
});

test('B1: both names have to say the same', async () => {
  world = await createHostileWorld();
  expect(await send(SEND, `${STABLE}=5&${UNSTABLE}=5`)).toEqual({ duration_ms: 5 });
  expect(await send(SEND, `${STABLE}=5&${UNSTABLE}=05`)).toEqual({ duration_ms: 5 });
  for (const query of [`${STABLE}=5&${UNSTABLE}=6`, `${UNSTABLE}=0&${STABLE}=5`, `${STABLE}=5&${UNSTABLE}=x`]) {
    expect(((await send(SEND, query)) as unknown[]).slice(0, 2)).toEqual([400, 'M_INVALID_PARAM']);
  }
});

test('A4: the state endpoint does not know the stable name', async () => {
  world = await createHostileWorld();
  for (const text of ['5', 'x', '-1']) {
    expect(await send(STATE, `${STABLE}=${text}`)).toBeUndefined();
    expect(await send(STATE, `${STABLE}=${text}&${UNSTABLE}=7`)).toEqual({ duration_ms: 7 });
  }
});

test('a parameter with a name that only looks like it is none', async () => {
  world = await createHostileWorld();
  for (const name of ['STICKY_DURATION_MS', 'sticky_duration', 'sticky_duration_ms[]', 'msc4354_sticky']) {
    expect(await send(SEND, `${name}=5`)).toBeUndefined();
  }
});

test('the body cannot make an event sticky, nor can a sticky field in its content', async () => {
  world = await createHostileWorld();
  const body = { msc4354_sticky: { duration_ms: 5 }, sticky: { duration_ms: 5 } };
  const token = world.token();
  const sent = await world.server.ok('PUT', `${V3}/rooms/${world.roomId}/send/a/1`, { token, body });
  const path = `${V3}/rooms/${world.roomId}/event/${String(sent.event_id)}`;
  const event = await world.server.ok('GET', path, { token });
  expect(event.content).toEqual(body);
  expect([event.msc4354_sticky, event.sticky]).toEqual([undefined, undefined]);
});
