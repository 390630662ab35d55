import type { StreamVector } from '../../storage/stream.ts';
import { isBeyond, type SyncRange, syncRange } from './sync-range.ts';
import type { SyncSources } from './sync-sources.ts';
import type { UserRoom } from './user-room.ts';

/** How often memberships that are ahead of the published stream are read again. */
const MAX_CATCH_UP_TURNS = 100;

/** Where an answer begins and ends, and the user's rooms as they are at its end. */
export interface Standpoint {
  readonly range: SyncRange;
  readonly rooms: readonly UserRoom[];
}

/**
 * A membership that was committed and is not published yet lies beyond where the answer ends: its publication is a
 * moment away, so look again. Without it the answer would pass over the room.
 */
export async function readStandpoint(
  userId: string,
  since: StreamVector | undefined,
  sources: SyncSources,
): Promise<Standpoint> {
  const { storage, memberships, events } = sources;
  for (let turn = 0; turn < MAX_CATCH_UP_TURNS; turn += 1) {
    const range = syncRange(since, storage.stream.current());
    const records = await memberships.ofUser(userId);
    if (records.some((membership) => isBeyond(range, membership))) {
      await publication(range, sources);
      continue;
    }
    const known = await events.rooms(records.map(({ roomNid }) => roomNid));
    const rooms = records.flatMap((membership) => {
      const room = known.get(membership.roomNid);
      return room === undefined ? [] : [{ room, membership }];
    });
    return { range, rooms };
  }
  throw new Error(`The memberships of ${userId} stayed ahead of the stream`);
}

/** Kept as soon as anything beyond this range is published, which may have happened already. */
function publication(range: SyncRange, { storage: { stream } }: SyncSources): Promise<void> {
  if (stream.current() !== range.upTo) return Promise.resolve();
  return new Promise((resolve) => {
    const unfollow = stream.follow(() => {
      unfollow();
      resolve();
    });
  });
}
