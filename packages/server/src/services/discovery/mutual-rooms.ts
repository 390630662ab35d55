import { MatrixError } from '@limpet/protocol/matrix-error';
import type { EventStore } from '../rooms/event-store.ts';
import { joinedRooms } from '../rooms/joined-rooms.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';

/** Rooms on one page. */
const MAX_ROOMS_PER_PAGE = 100;

interface MutualRoomsParts {
  readonly events: EventStore;
  readonly memberships: MembershipReader;
}

export interface MutualRooms {
  readonly joined: readonly string[];
  readonly count: number;
  readonly nextBatch: string | undefined;
}

/**
 * The rooms that two users are both joined to, in the order of their IDs; a token is the last ID of a page. Throws
 * M_INVALID_PARAM for a token that is none. Specification: client-server API, "Mutual rooms".
 */
export async function mutualRooms(
  parts: MutualRoomsParts,
  { userId, otherId, from }: { readonly userId: string; readonly otherId: string; readonly from: string | undefined },
): Promise<MutualRooms> {
  const after = from === undefined ? '' : Buffer.from(from, 'base64url').toString('utf8');
  if (from !== undefined && !after.startsWith('!')) {
    throw new MatrixError('M_INVALID_PARAM', 'from must be a next_batch of an earlier page.');
  }
  const [own, others] = await Promise.all([joinedRooms(parts, userId), joinedRooms(parts, otherId)]);
  const theirs = new Set(others.map(({ roomId }) => roomId));
  const shared = own
    .map(({ roomId }) => roomId)
    .filter((roomId) => theirs.has(roomId))
    .sort();
  const rest = shared.filter((roomId) => roomId > after);
  const joined = rest.slice(0, MAX_ROOMS_PER_PAGE);
  const last = joined.at(-1);
  const hasMore = last !== undefined && rest.length > joined.length;
  return { joined, count: shared.length, nextBatch: hasMore ? Buffer.from(last).toString('base64url') : undefined };
}
