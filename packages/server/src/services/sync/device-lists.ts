import type { MembershipChange } from '../../storage/change.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { readMemberChanges } from './member-changes.ts';
import type { SyncNews } from './sync-news.ts';
import { isNews, type SyncRange } from './sync-range.ts';
import type { SyncSources } from './sync-sources.ts';
import type { UserRoom } from './user-room.ts';

/** Users asked about one by one whether they share a room; when there are more, all who do are read at once. */
const MAX_ASKED_ONE_BY_ONE = 50;

export interface DeviceLists {
  /**
   * Users whose keys the client must ask for again: their devices changed, or the user signed their keys, or they came
   * to share a room.
   */
  readonly changed: readonly string[];
  /** Users with whom no room is shared any more. */
  readonly left: readonly string[];
}

export interface DeviceListsQuery {
  readonly userId: string;
  readonly range: SyncRange;
  /** `undefined`: anything may have happened. */
  readonly news: SyncNews | undefined;
  readonly rooms: readonly UserRoom[];
}

type MemberStep = Pick<MembershipChange, 'userId' | 'membership' | 'previous'>;

/** `device_lists` since the token. Specification: client-server API, "Tracking the device list for a user". */
export async function readDeviceLists(query: DeviceListsQuery, sources: SyncSources): Promise<DeviceLists> {
  const { userId, range, news } = query;
  const moves: Moves = { met: new Set(), parted: new Set() };
  const stepsByRoom = news && Map.groupBy(news.memberships, ({ roomId }) => roomId);
  for (const place of query.rooms) {
    const { room, membership } = place;
    if (membership.membership !== 'join' && !isNews(range, membership)) continue;
    const steps = stepsByRoom ? (stepsByRoom.get(room.roomId) ?? []) : await readSteps(room, range, sources);
    if (steps.length > 0) await noteMoves({ place, steps, range }, moves, sources);
  }
  const { met, parted } = moves;
  met.delete(userId);
  parted.delete(userId);
  const updated = news?.deviceUsers ?? (await sources.encryption.changedUsers(range.ranges));
  const signed = news?.signedUsers ?? (await sources.encryption.signedUsers(userId, range.ranges));
  const shares = await sharing(userId, new Set([...updated, ...parted]), sources);
  const changed = [...met].filter((other) => !parted.has(other) || shares(other));
  return {
    changed: [...new Set([...changed, ...[...updated].filter(shares), ...signed])],
    left: [...parted].filter((other) => !shares(other)),
  };
}

/** Users who came to share a room, and with whom one is shared no more: perhaps another one is. */
interface Moves {
  readonly met: Set<string>;
  readonly parted: Set<string>;
}

/** What came of one room in which somebody's membership changed. Who was never in it learns nothing of who is. */
async function noteMoves(
  { place, steps, range }: { place: UserRoom; steps: readonly MemberStep[]; range: SyncRange },
  { met, parted }: Moves,
  sources: SyncSources,
): Promise<void> {
  const { room, membership } = place;
  const { userId, writer, joinedPosition } = membership;
  const isThere = joinedPosition !== undefined;
  const isNewThere = isThere && isNews(range, { writer, position: joinedPosition });
  const wasThere = isThere && !isNewThere ? true : steps.find((step) => step.userId === userId)?.previous === 'join';
  if (wasThere) for (const step of steps) if (isParting(step)) parted.add(step.userId);
  if (isThere && !isNewThere) for (const step of steps) if (step.membership === 'join') met.add(step.userId);
  if (!isNewThere && (isThere || !wasThere)) return;
  const members = await sources.memberships.ofRoom(room, 'join');
  for (const member of members) (isNewThere ? met : parted).add(member.userId);
}

function isParting({ membership, previous }: MemberStep): boolean {
  return previous === 'join' && membership !== 'join';
}

/** Tells of each of these users whether this one shares a room with them, or is one of them. */
async function sharing(
  userId: string,
  others: ReadonlySet<string>,
  { memberships }: SyncSources,
): Promise<(other: string) => boolean> {
  if (others.size > MAX_ASKED_ONE_BY_ONE) {
    const all = await memberships.usersSharingRooms(userId);
    return (other) => all.has(other);
  }
  const found = new Set([userId]);
  for (const other of others) if (other !== userId && (await memberships.shareRoom(userId, other))) found.add(other);
  return (other) => found.has(other);
}

/** Who came and went, where the stream's tail does not know. */
async function readSteps(room: RoomRecord, range: SyncRange, sources: SyncSources): Promise<MemberStep[]> {
  const steps: MemberStep[] = [];
  const changes = await readMemberChanges(room.nid, range, sources);
  const nids = changes.flatMap((row) => [row.event_nid, row.previous_nid].filter((nid) => nid !== null));
  const events = await sources.events.byNids(nids);
  const membershipIn = (nid: number | null) => {
    const membership = nid === null ? undefined : events.get(nid)?.pdu.content.membership;
    return typeof membership === 'string' ? membership : undefined;
  };
  for (const row of changes) {
    const membership = membershipIn(row.event_nid) ?? 'leave';
    const previous = membershipIn(row.previous_nid);
    // A new name of somebody who was there before changes no device.
    if (membership !== previous) steps.push({ userId: row.state_key, membership, previous });
  }
  return steps;
}
