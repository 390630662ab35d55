import { selectStateChanges } from '../../storage/queries/sync.ts';
import type { MembershipRecord } from '../rooms/membership-reader.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { isNews, type SyncRange } from './sync-range.ts';
import type { SyncSources } from './sync-sources.ts';

export interface DeviceLists {
  /** Users whose keys the client must ask for again: their devices changed, or they came to share a room. */
  readonly changed: readonly string[];
  /** Users with whom no room is shared any more. */
  readonly left: readonly string[];
}

export interface DeviceListsQuery {
  readonly userId: string;
  readonly range: SyncRange;
  readonly memberships: readonly { readonly room: RoomRecord; readonly membership: MembershipRecord }[];
}

/** `device_lists` since the token. Specification: client-server API, "Tracking the device list for a user". */
export async function readDeviceLists(query: DeviceListsQuery, sources: SyncSources): Promise<DeviceLists> {
  const { userId, range } = query;
  const touched = new Set<string>();
  const parted = new Set<string>();
  for (const { room, membership } of query.memberships) {
    if (membership.membership === 'join') {
      const joinedAt = { writer: membership.writer, position: membership.joinedPosition ?? 0 };
      if (isNews(range, joinedAt)) {
        for (const member of await sources.memberships.ofRoom(room, 'join')) touched.add(member.userId);
      } else {
        await readMemberChanges(room, range, { sources, touched, parted });
      }
    } else if (isNews(range, membership)) {
      for (const member of await sources.memberships.ofRoom(room, 'join')) parted.add(member.userId);
    }
  }
  for (const changed of await sources.encryption.changedUsers(range.ranges)) {
    if (changed === userId || touched.has(changed) || (await sources.memberships.shareRoom(userId, changed))) {
      touched.add(changed);
    }
  }
  const left: string[] = [];
  for (const other of parted) {
    if (other === userId || touched.has(other)) continue;
    if (!(await sources.memberships.shareRoom(userId, other))) left.push(other);
  }
  return { changed: [...touched], left };
}

async function readMemberChanges(
  room: RoomRecord,
  range: SyncRange,
  into: { sources: SyncSources; touched: Set<string>; parted: Set<string> },
): Promise<void> {
  const { sources, touched, parted } = into;
  for (const { writer, after, upTo } of range.ranges) {
    const rows = await sources.storage.read(selectStateChanges, { roomNid: room.nid, writer, after, upTo });
    const members = rows.filter((row) => row.type === 'm.room.member');
    const nids = members.flatMap((row) => [row.event_nid, row.previous_nid].filter((nid) => nid !== null));
    const events = await sources.events.byNids(nids);
    const isJoin = (nid: number | null) => nid !== null && events.get(nid)?.pdu.content.membership === 'join';
    for (const row of members) {
      // A new name of somebody who was there before changes no device.
      if (isJoin(row.event_nid) && !isJoin(row.previous_nid)) touched.add(row.state_key);
      else if (!isJoin(row.event_nid) && isJoin(row.previous_nid)) parted.add(row.state_key);
    }
  }
}
