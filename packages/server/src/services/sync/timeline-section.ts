import { includesRoom } from '../accounts/filter.ts';
import type { MembershipRecord } from '../rooms/membership-reader.ts';
import type { RoomEvent, RoomRecord } from '../rooms/room-event.ts';
import { eventFilterOf, timelineLimit } from './section-filter.ts';
import { isNews, type SyncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';

export interface TimelineSection {
  /** As the client gets them, oldest first. */
  readonly events: readonly RoomEvent[];
  /** More of this stretch exists before the first one. */
  readonly isLimited: boolean;
  /** Where going backwards starts: the `room_index` that a client asking for older events has seen from. */
  readonly startsAfter: number;
  /** The newest event of the stretch, whether given or filtered out. */
  readonly last: RoomEvent | undefined;
}

export interface TimelineRequest {
  readonly request: SyncRequest;
  readonly room: RoomRecord;
  readonly membership: MembershipRecord;
  readonly range: SyncRange;
  /** The client sees the room for the first time, or again after it was away. */
  readonly isNewToUser: boolean;
}

/** The newest events of the room that the client has not seen, as many as the filter's limit. */
export async function readTimeline(query: TimelineRequest, sources: SyncSources): Promise<TimelineSection> {
  const { request, room, range, isNewToUser } = query;
  const end = await endOfStretch(query, sources);
  const after =
    isNewToUser || range.since === undefined ? undefined : await sources.timeline.roomIndexAt(room, range.since);
  const stretch = { room, after: after ?? Number.MIN_SAFE_INTEGER, before: end + 1 };
  const [last] = await sources.timeline
    .page({ ...stretch, limit: 1, direction: 'backwards', filter: undefined })
    .then((page) => page.events);
  const nothing = { events: [], isLimited: false, startsAfter: end, last };
  if (last === undefined) return nothing;
  const limit = timelineLimit(request.filter.room.timeline);
  const filter = eventFilterOf(request.filter.room.timeline);
  if (limit === 0 || !includesRoom(request.filter.room.timeline, room.roomId)) return { ...nothing, isLimited: true };
  const page = await sources.timeline.page({ ...stretch, limit, direction: 'backwards', filter });
  const newestFirst = await visible(query, page.events, sources);
  const ignored = await sources.accountData.ignoredUsers(request.userId);
  const events = newestFirst.filter((event) => isShown(event, request.userId, ignored)).reverse();
  // Where some were hidden from who came later, what is before them is hidden, too: nothing more to page to.
  const isLimited = page.next !== undefined;
  const first = page.events.at(-1)?.place?.roomIndex;
  return { events, isLimited, startsAfter: first === undefined ? (after ?? 0) : first - 1, last };
}

/** The last `room_index` to tell: for who is in the room all there is, for who left up to that. */
async function endOfStretch({ room, membership, range }: TimelineRequest, sources: SyncSources): Promise<number> {
  const end = await sources.timeline.roomIndexAt(room, range.upTo);
  if (membership.membership === 'join') return end;
  const parting = (await sources.events.byNids([membership.eventNid])).get(membership.eventNid);
  return Math.min(end, parting?.place?.roomIndex ?? end);
}

/** Who was in the room for the whole stretch sees all of it; else each event is looked at. */
async function visible(
  { request, room, membership, range, isNewToUser }: TimelineRequest,
  events: readonly RoomEvent[],
  sources: SyncSources,
): Promise<readonly RoomEvent[]> {
  const joinedAt = { writer: membership.writer, position: membership.joinedPosition ?? Number.POSITIVE_INFINITY };
  const wasThereThroughout = !isNewToUser && membership.membership === 'join' && !isNews(range, joinedAt);
  if (wasThereThroughout) return events;
  return sources.rooms.visibleTo(request.userId, room, events);
}

/** Ignored users are not shown, but for what they do to the room's state. Specification: "Ignoring Users". */
function isShown(event: RoomEvent, userId: string, ignored: ReadonlySet<string>): boolean {
  if (ignored.size === 0 || event.pdu.sender === userId) return true;
  return event.pdu.stateKey !== undefined || !ignored.has(event.pdu.sender);
}
