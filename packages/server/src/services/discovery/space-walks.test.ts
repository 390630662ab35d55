import { expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import type { PreviewQuery, RoomPreview } from './room-previews.ts';
import { SpaceWalks } from './space-walks.ts';

test('a page ends in time where other servers are slow, and the walk goes on with the next one', async () => {
  const world = createManualWorld();
  const links = ['!a:x', '!b:x', '!c:x'].map((roomId) => ({ state_key: roomId, content: { via: ['x'] } }));
  const of = async ({ roomId }: PreviewQuery): Promise<RoomPreview | undefined> => {
    world.advance(20_000);
    return roomId === '!b:x' ? undefined : { summary: { room_id: roomId }, links: roomId === '!top:x' ? links : [] };
  };
  const walks = new SpaceWalks({ ...world, random: seededRandom(1) } as never, { of } as never);
  const pages: unknown[][] = [];
  let from: string | undefined;
  do {
    const rest = { suggestedOnly: false, maxDepth: undefined, limit: undefined };
    const { rooms, nextBatch } = await walks.page({ roomId: '!top:x', userId: '@alice:x', ...rest, from });
    pages.push(rooms.map((room) => room.room_id));
    from = nextBatch;
  } while (from !== undefined);
  expect(pages).toEqual([['!top:x', '!a:x'], ['!c:x']]);
});
