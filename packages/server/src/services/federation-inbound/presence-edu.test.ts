import type { JsonValue } from '@limpet/protocol/json';
import { expect, test } from 'vitest';
import type { PresenceUpdate } from '../presence/presence.ts';
import { createPresenceHandler } from './presence-edu.ts';

async function take(push: JsonValue) {
  const taken: PresenceUpdate[] = [];
  const handler = createPresenceHandler({ takeRemote: (updates) => void taken.push(...updates) });
  const { allowed } = await handler('far.test', { push });
  return { taken, allowed };
}

const CAROL = '@carol:far.test';

test('what another server says of its users is taken, as far as it makes sense', async () => {
  const update = { user_id: CAROL, presence: 'online', last_active_ago: 5, currently_active: true, status_msg: 'hi' };
  expect(await take([update])).toEqual({
    taken: [{ userId: CAROL, presence: 'online', lastActiveAgoMs: 5, isActive: true, statusMessage: 'hi' }],
    allowed: true,
  });
  const odd = { user_id: CAROL, presence: 'offline', last_active_ago: -1, currently_active: 1, status_msg: 7 };
  expect(await take([odd])).toEqual({
    taken: [
      { userId: CAROL, presence: 'offline', lastActiveAgoMs: undefined, isActive: false, statusMessage: undefined },
    ],
    allowed: true,
  });
  const { taken } = await take([{ ...update, status_msg: 'x'.repeat(10_000) }]);
  expect(taken[0]?.statusMessage).toHaveLength(1_024);
});

test('H3: what makes none is refused, and keeps the rest not back', async () => {
  const good = { user_id: CAROL, presence: 'online' };
  const wrong: JsonValue[] = [
    7,
    null,
    {},
    { user_id: '@alice:here.test', presence: 'online' },
    { user_id: 'carol', presence: 'online' },
    { user_id: CAROL, presence: 'asleep' },
    { user_id: CAROL },
  ];
  for (const one of wrong) {
    const { taken, allowed } = await take([one, good]);
    expect([taken.length, allowed]).toEqual([1, false]);
  }
  for (const push of [7, null, {}, 'online']) expect((await take(push)).allowed).toBe(false);
  expect((await take(Array.from({ length: 2_000 }, () => good))).taken).toHaveLength(500);
});
