import { NO_FILTER } from '../../accounts/filter.ts';
import { isNews, type SyncRange } from '../sync-range.ts';
import type { SyncSources } from '../sync-sources.ts';
import { readTimeline, type TimelineSection } from '../timeline-section.ts';
import type { RoomQuery } from './room-query.ts';

/** The newest events of a room within a range, as `/sync` would give them. */
export function readSlidingTimeline(
  { request, room, membership, config }: RoomQuery,
  range: SyncRange,
  sources: SyncSources,
): Promise<TimelineSection> {
  const { userId, deviceId, signal } = request;
  const timeline = { ...NO_FILTER.room.timeline, limit: config.timelineLimit };
  const joinedAt = { writer: membership.writer, position: membership.joinedPosition ?? 0 };
  return readTimeline(
    {
      ...{ room, membership, range },
      isNewToUser: range.since === undefined || isNews(range, joinedAt),
      request: {
        ...{ userId, deviceId, signal, since: undefined, fullState: false, timeoutMs: 0, stateAfterName: undefined },
        filter: { ...NO_FILTER, room: { ...NO_FILTER.room, timeline } },
      },
    },
    sources,
  );
}
