import { canonicalJsonSize } from '@limpet/protocol/canonical-json';
import { MAX_EVENT_BYTES } from '@limpet/protocol/event-size';
import { afterEach, describe, expect, test } from 'vitest';
import type { TestResponse } from '../support/test-server.ts';
import { createHostileWorld, type HostileWorld, tryRequest, V3 } from './hostile-world.ts';

/** What an event may hold: canonical JSON of 65,536 bytes at most, whichever endpoint it comes by. */

const worlds: HostileWorld[] = [];

async function start(): Promise<HostileWorld> {
  const world = await createHostileWorld();
  worlds.push(world);
  return world;
}

afterEach(async () => {
  await Promise.all(worlds.splice(0).map(({ server }) => server.stop()));
});

const NOT_CANONICAL: readonly [string, string][] = [
  ['a float', '1.5'],
  ['a small float', '1e-7'],
  ['a float too large for a number', '1e400'],
  ['2^53', '9007199254740992'],
  ['2^60', '1152921504606846976'],
  ['less than -2^53', '-9007199254740993'],
  ['minus zero', '-0'],
  ['minus zero as a float', '-0.0'],
  ['half of a surrogate pair', '"\\ud800"'],
  ['101 levels', `${'['.repeat(101)}${']'.repeat(101)}`],
];

const CANONICAL: readonly [string, string][] = [
  ['2^53 - 1', '9007199254740991'],
  ['an integer with an exponent', '1e3'],
  ['an integer with a fraction of nothing', '5.0'],
  ['NUL', '"\\u0000"'],
  ['the last code point', '"\\udbff\\udfff"'],
  ['__proto__', '{"__proto__":{"x":1},"constructor":1,"toString":2}'],
  ['a key twice', '{"a":1,"a":2}'],
  ['an empty key', '{"":1}'],
  ['98 levels', `${'['.repeat(98)}${']'.repeat(98)}`],
];

/** The ways by which a client's JSON becomes content of an event; `VALUE` stands for it. */
const WAYS: readonly [string, 'PUT' | 'POST', string, string][] = [
  ['send', 'PUT', '/rooms/ROOM/send/org.example.type/1', '{"x":VALUE}'],
  ['state', 'PUT', '/rooms/ROOM/state/org.example.type/key', '{"x":VALUE}'],
  ['state of a member', 'PUT', '/rooms/ROOM/state/m.room.member/@alice:localhost', '{"membership":"join","x":VALUE}'],
  ['createRoom: initial_state', 'POST', '/createRoom', '{"initial_state":[{"type":"t","content":{"x":VALUE}}]}'],
  ['createRoom: creation_content', 'POST', '/createRoom', '{"creation_content":{"x":VALUE}}'],
  ['createRoom: power levels', 'POST', '/createRoom', '{"power_level_content_override":{"x":VALUE}}'],
];

async function ask(world: HostileWorld, way: (typeof WAYS)[number], value: string) {
  const [, method, path, body] = way;
  const request = { token: world.token(), body: body.replace('VALUE', value) };
  return tryRequest(world.server, { method, path: `${V3}${path.replace('ROOM', world.roomId)}`, request });
}

describe.each(WAYS)('%s', (...way) => {
  test('what is not canonical JSON is M_BAD_JSON, and nothing is written', async () => {
    const world = await start();
    for (const [what, value] of NOT_CANONICAL) {
      const { answer, faults } = await ask(world, way, value);
      expect([what, answer.status, answer.body.errcode, faults]).toEqual([what, 400, 'M_BAD_JSON', []]);
    }
  });

  test('what is, is taken', async () => {
    const world = await start();
    for (const [what, value] of CANONICAL) {
      const { answer, faults } = await ask(world, [...way.slice(0, 2), `${way[2]}`, way[3]] as never, value);
      expect([what, answer.status, faults]).toEqual([what, 200, []]);
    }
  });
});

describe('65,536 bytes', () => {
  async function send(world: HostileWorld, path: string, length: number, filler = 'x'): Promise<TestResponse> {
    const url = `${V3}/rooms/${world.roomId}/${path}`;
    const body = { x: filler.repeat(length) };
    const { answer, faults } = await tryRequest(world.server, {
      method: 'PUT',
      path: url,
      request: { token: world.token(), body },
    });
    expect(faults).toEqual([]);
    return answer;
  }

  async function sizeOf({ server }: HostileWorld, eventId: unknown): Promise<number> {
    const event = (await server.server.services.events.byIds([String(eventId)])).get(String(eventId));
    const { unsigned: _, ...json } = event?.pdu.json ?? {};
    return canonicalJsonSize(json);
  }

  test.each([
    ['send', (number: number) => `send/org.example.type/${number}`, 'x', 1],
    ['state', () => 'state/org.example.type/key', 'x', 1],
    ['send, of characters of three bytes', (number: number) => `send/org.example.type/${number}`, '✓', 3],
  ])('%s: the last byte that fits and the first that does not', async (_what, path, filler, bytesEach) => {
    const world = await start();
    const first = await send(world, path(0), 20_000, filler);
    const rest = MAX_EVENT_BYTES - (await sizeOf(world, first.body.event_id));
    // Depth and time have as many digits in both; the second state event names no more events than the first.
    const fits = 20_000 + Math.floor(rest / bytesEach);
    let largest = 0;
    let accepted = 0;
    for (let length = fits - 120; length <= fits + 120; length++) {
      const answer = await send(world, path(length), length, filler);
      if (answer.status !== 200) {
        expect([answer.status, answer.body.errcode]).toEqual([413, 'M_TOO_LARGE']);
        continue;
      }
      expect(length).toBe(largest === 0 ? length : largest + 1);
      largest = length;
      accepted = await sizeOf(world, answer.body.event_id);
      expect(accepted).toBeLessThanOrEqual(MAX_EVENT_BYTES);
    }
    expect(accepted).toBeGreaterThan(MAX_EVENT_BYTES - bytesEach);
    expect(largest).toBeLessThan(fits + 120);
  });

  test.each([
    ['an event type', 'send/TEXT/1'],
    ['the type of state', 'state/TEXT/key'],
    ['a state key', 'state/org.example.type/TEXT'],
  ])('%s has 255 bytes', async (_what, path) => {
    const world = await start();
    for (const text of ['x'.repeat(255), `${'é'.repeat(127)}x`]) {
      expect((await send(world, path.replace('TEXT', encodeURIComponent(text)), 1)).status).toBe(200);
      const longer = await send(world, path.replace('TEXT', encodeURIComponent(`${text}x`)), 1);
      expect([longer.status, longer.body.errcode]).toEqual([413, 'M_TOO_LARGE']);
    }
  });
});
