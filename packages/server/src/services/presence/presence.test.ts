import { expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { Presence, type PresenceParts } from './presence.ts';

test('users that another server makes up are not kept, and no more of them than can be looked up', async () => {
  const world = createManualWorld();
  let reads = 0;
  const read = async () => {
    reads += 1;
    return [];
  };
  const parts = {
    ...{ storage: { read }, platform: { ...world, log: silentLog }, events: { rooms: async () => new Map() } },
    ...{ serverName: 'localhost', maxRoomMembers: 100, isEnabled: true },
  } as unknown as PresenceParts;
  const presence = new Presence(parts);
  const invented = Array.from({ length: 10_000 }, (_, number) => `@u${number}:evil.test`);
  const said = { presence: 'online', lastActiveAgoMs: 0, isActive: true, statusMessage: undefined } as const;
  presence.takeRemote(invented.map((userId) => ({ userId, ...said })));
  const known = () => invented.filter((userId) => presence.update(userId) !== undefined).length;
  expect(known()).toBe(5_000);
  for (let seconds = 0; seconds < 10; seconds += 1) {
    world.advance(1_000);
    await expect.poll(() => reads).toBe(500 * (seconds + 1));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(known()).toBe(0);
  await presence.stop();
});
