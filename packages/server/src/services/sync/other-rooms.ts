import type { MembershipRecord } from '../rooms/membership-reader.ts';
import type { RoomEvent, RoomRecord } from '../rooms/room-event.ts';
import type { LazyMembers } from './lazy-members.ts';
import { readStateSection } from './state-section.ts';
import { isNews, type SyncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import { readTimeline } from './timeline-section.ts';

export interface OtherRoomQuery {
  readonly request: SyncRequest;
  readonly room: RoomRecord;
  readonly membership: MembershipRecord;
  readonly range: SyncRange;
}

/** An invite or a knock since the token, as the JSON text of its room; `undefined` when it is not new. */
export async function readStrippedRoom(
  { request, room, membership, range }: OtherRoomQuery,
  sources: SyncSources,
): Promise<string | undefined> {
  if (!isNews(range, membership) && !request.fullState) return undefined;
  const section = membership.membership === 'invite' ? 'invite_state' : 'knock_state';
  return `{"${section}":{"events":${await sources.rooms.strippedState(room, request.userId)}}}`;
}

export interface LeftRoom {
  readonly room: RoomRecord;
  readonly timeline: readonly RoomEvent[];
  readonly isLimited: boolean;
  readonly startsAfter: number;
  readonly state: readonly RoomEvent[];
}

/**
 * A room that the user left or was put out of since the token, up to that point (C9): its last events, no sticky section.
 * On an initial sync only where the filter asks for rooms that were left.
 */
export async function readLeftRoom(
  query: OtherRoomQuery,
  sources: SyncSources,
  lazy: LazyMembers,
): Promise<LeftRoom | undefined> {
  const { request, room, membership, range } = query;
  const isInitial = range.since === undefined;
  if (membership.isForgotten) return undefined;
  const isWanted = isInitial || request.fullState ? request.filter.room.includeLeave : isNews(range, membership);
  if (!isWanted) return undefined;
  const timeline = await readTimeline({ request, room, membership, range, isNewToUser: isInitial }, sources);
  const state = await readStateSection(
    {
      request,
      room,
      range,
      isWhole: isInitial || request.fullState,
      timeline: timeline.events,
      last: timeline.last,
      isLimited: timeline.isLimited,
      mayHaveChanged: true,
    },
    sources,
    lazy,
  );
  const upTo = timeline.last?.place?.position ?? 0;
  return {
    room,
    timeline: timeline.events,
    isLimited: timeline.isLimited,
    startsAfter: timeline.startsAfter,
    state: state.filter((event) => (event.place?.position ?? 0) <= upTo),
  };
}
