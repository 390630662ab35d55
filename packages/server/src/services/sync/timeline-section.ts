import { includesRoom } from '../accounts/filter.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import type { TimelinePage, TimelineQuery } from '../rooms/timeline.ts';
import { gapsIn } from '../rooms/timeline-gap.ts';
import { eventFilterOf, timelineLimit } from './section-filter.ts';
import { isNews, type SyncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import type { UserRoom } from './user-room.ts';

export interface TimelineSection {
  /** As the client gets them, oldest first. */
  readonly events: readonly RoomEvent[];
  /** More of this stretch exists before the first one. */
  readonly isLimited: boolean;
  /** Where going backwards starts: the last `room_index` that is older; `undefined` for the answer's end. */
  readonly startsAfter: number | undefined;
  /** The newest event of the stretch, whether given or filtered out. */
  readonly last: RoomEvent | undefined;
}

export interface TimelineRequest extends UserRoom {
  readonly request: SyncRequest;
  /** Ends where the user left, if he did. */
  readonly range: SyncRange;
  /** The client sees the room for the first time, or again after it was away. */
  readonly isNewToUser: boolean;
}

/** The newest events of the room that the client has not seen, as many as the filter's limit. */
export async function readTimeline(query: TimelineRequest, sources: SyncSources): Promise<TimelineSection> {
  const { request, room, range, isNewToUser } = query;
  const settings = request.filter.room.timeline;
  const end = await sources.timeline.roomIndexAt(room, range.upTo);
  const isAfterGap = isNewToUser && range.since !== undefined;
  const after =
    isNewToUser || range.since === undefined
      ? Number.MIN_SAFE_INTEGER
      : await sources.timeline.roomIndexAt(room, range.since);
  const stretch = { room, after, before: end + 1, direction: 'backwards' as const };
  const limit = includesRoom(settings, room.roomId) ? timelineLimit(settings) : 0;
  const filter = eventFilterOf(settings);
  const newest = filter === undefined && limit > 0 ? undefined : await newestOf(stretch, sources);
  if (limit === 0) return { events: [], isLimited: newest !== undefined, startsAfter: end, last: newest };
  const page = beforeGap(await sources.timeline.page({ ...stretch, limit, filter }), end + 1);
  const seen = await visible(query, page.events, sources);
  const ignored = await sources.accountData.ignoredUsers(request.userId);
  return {
    events: seen.filter((event) => isShown(event, request.userId, ignored)).reverse(),
    // Who comes back to a room may have older events of it on the screen, next to which these do not belong.
    isLimited: page.next !== undefined || isAfterGap,
    startsAfter: startOf(page) ?? Math.max(after, 0),
    last: newest ?? page.events[0],
  };
}

type Stretch = Pick<TimelineQuery, 'room' | 'after' | 'before' | 'direction'>;

async function newestOf(stretch: Stretch, sources: SyncSources): Promise<RoomEvent | undefined> {
  return (await sources.timeline.page({ ...stretch, limit: 1, filter: undefined })).events[0];
}

/** The newer side of a gap: what stands on the other one does not come right before. */
function beforeGap(page: TimelinePage, before: number): TimelinePage {
  const [gap] = gapsIn(page.events, before);
  if (gap === undefined || gap.newer === 0) return page;
  const events = page.events.slice(0, gap.newer);
  return { events, next: events.at(-1)?.place?.roomIndex };
}

/** Just before the first event given; where the filter let none pass, before the first one looked at. */
function startOf({ events, next }: TimelinePage): number | undefined {
  const first = events.at(-1)?.place?.roomIndex ?? next;
  return first === undefined ? undefined : first - 1;
}

/** Who was in the room for the whole stretch sees all of it; else each event is looked at. */
async function visible(
  { request, room, membership, range, isNewToUser }: TimelineRequest,
  events: readonly RoomEvent[],
  sources: SyncSources,
): Promise<readonly RoomEvent[]> {
  const joinedAt = { writer: membership.writer, position: membership.joinedPosition ?? Number.POSITIVE_INFINITY };
  const wasThereThroughout = !isNewToUser && membership.membership === 'join' && !isNews(range, joinedAt);
  if (wasThereThroughout || events.length === 0) return events;
  return sources.rooms.visibleTo(request.userId, room, events);
}

/** Ignored users are not shown, but for what they do to the room's state. Specification: "Ignoring Users". */
function isShown(event: RoomEvent, userId: string, ignored: ReadonlySet<string>): boolean {
  if (ignored.size === 0 || event.pdu.sender === userId) return true;
  return event.pdu.stateKey !== undefined || !ignored.has(event.pdu.sender);
}
