import type { SyncSources } from '../sync-sources.ts';
import type { UserRoom } from '../user-room.ts';
import type { ConnectionDraft } from './connection-draft.ts';
import type { Activity, RoomActivity } from './room-activity.ts';

export interface RankedRooms {
  /** The latest activity first. */
  readonly rooms: readonly UserRoom[];
  /** By room nid, of rooms that the user is in. */
  readonly activity: ReadonlyMap<number, Activity>;
}

/**
 * The rooms that lists are cut from, by the last event in each, as MSC4186 has it: so what changed is in the window of
 * a client that looks at the top alone. A room that the user left is among them while the client thinks that he is
 * there; one that he was put out of stays, since he may not have seen it.
 */
export async function rankRooms(
  rooms: readonly UserRoom[],
  { userId, draft, activity }: { userId: string; draft: ConnectionDraft; activity: RoomActivity },
  sources: SyncSources,
): Promise<RankedRooms> {
  const ignored = await sources.accountData.ignoredUsers(userId);
  const joined = rooms.filter(({ membership }) => membership.membership === 'join');
  const activities = await activity.of(joined.map(({ room }) => room));
  const ranked: { readonly room: UserRoom; readonly rank: number }[] = [];
  for (const room of rooms) {
    const { membership } = room;
    const rank = activities.get(membership.roomNid)?.last ?? membership.position;
    if (membership.membership === 'join') ranked.push({ room, rank: Math.max(rank, membership.position) });
    else if (await isListed(room, { ignored, draft }, sources)) ranked.push({ room, rank });
  }
  ranked.sort((one, other) => other.rank - one.rank);
  return { rooms: ranked.map(({ room }) => room), activity: activities };
}

/** A room that the user is not in. */
async function isListed(
  { membership }: UserRoom,
  { ignored, draft }: { ignored: ReadonlySet<string>; draft: ConnectionDraft },
  sources: SyncSources,
): Promise<boolean> {
  // Specification: client-server API, "Ignoring Users": invites of theirs are not sent.
  if (membership.membership === 'invite') {
    // Nor any where the user takes none ("Invite permission").
    return !ignored.has(membership.sender) && !(await sources.accountData.blocksInvites(membership.userId));
  }
  if (membership.membership === 'knock') return true;
  if (draft.told(membership.roomNid) !== undefined) return true;
  const wasPutOut = membership.membership === 'ban' || membership.sender !== membership.userId;
  return wasPutOut && !membership.isForgotten && (await sources.partings.of(membership)) !== undefined;
}
