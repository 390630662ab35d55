import type { JsonObject } from '@limpet/protocol/json';
import { expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { RoomPreviews } from './room-previews.ts';

const ROOM = '!room:good.test';
const CHILD = '!child:good.test';

function begin() {
  const world = createManualWorld();
  const asked: string[] = [];
  const answerOf = (destination: string, path: string): JsonObject => {
    if (path.endsWith(encodeURIComponent(CHILD))) return {};
    const link = (via: string) => ({
      ...{ type: 'm.space.child', state_key: CHILD, sender: '@a:b', origin_server_ts: 1, content: { via: [via] } },
    });
    return {
      room: { room_id: ROOM, name: `by ${destination}`, children_state: [link(destination)] },
      children: [{ room_id: CHILD, name: `child by ${destination}` }],
    };
  };
  const previews = new RoomPreviews({
    platform: { ...world, log: silentLog } as never,
    serverName: 'here.test',
    events: { room: async () => undefined } as never,
    state: {} as never,
    memberships: {} as never,
    summaries: {} as never,
    roomServers: {} as never,
    remote: {
      request: async (destination: string, { path }: { path: string }) => {
        asked.push(destination);
        return answerOf(destination, path);
      },
    } as never,
  });
  const nameOf = async (roomId: string, via: string) =>
    (await previews.of({ roomId, via: [via], userId: '@alice:here.test', suggestedOnly: false }))?.summary.name;
  return { world, asked, nameOf };
}

test('what a server that one user named makes up of a room is shown to nobody who did not name it', async () => {
  const { nameOf } = begin();
  expect(await nameOf(ROOM, 'good.test')).toBe('by good.test');
  expect(await nameOf(ROOM, 'evil.test')).toBe('by evil.test');
  expect(await nameOf(ROOM, 'good.test')).toBe('by good.test');
  expect(await nameOf(CHILD, 'good.test')).toBe('child by good.test');
});

test('what was told is asked for anew after a while, however often it was shown meanwhile', async () => {
  const { world, asked, nameOf } = begin();
  for (let minutes = 0; minutes <= 6; minutes += 3) {
    await nameOf(ROOM, 'good.test');
    world.advance(180_000);
  }
  expect(asked).toEqual(['good.test', 'good.test']);
});
