import type { AccountDataItem } from '../accounts/account-data-reader.ts';
import type { RoomEvent, RoomRecord } from '../rooms/room-event.ts';
import { roomAccountDataTexts } from './account-data-texts.ts';
import type { LazyMembers } from './lazy-members.ts';
import { readMemberChanges, wasJoinedBefore } from './member-changes.ts';
import { readStateSection } from './state-section.ts';
import { isNews, rangeUpTo, type SyncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import { readTimeline } from './timeline-section.ts';
import type { UserRoom } from './user-room.ts';

export interface OtherRoomQuery extends UserRoom {
  readonly request: SyncRequest;
  readonly range: SyncRange;
}

/** An invite or a knock since the token, as the JSON text of its room; `undefined` when it is not new. */
export async function readStrippedRoom(
  { request, room, membership, range }: OtherRoomQuery,
  sources: SyncSources,
): Promise<string | undefined> {
  if (!isNews(range, membership) && !request.fullState) return undefined;
  // Specification: client-server API, "Ignoring Users": invites of theirs are not sent.
  if ((await sources.accountData.ignoredUsers(request.userId)).has(membership.sender)) return undefined;
  const isInvite = membership.membership === 'invite';
  // Nor is any where the user takes none, from whenever it is ("Invite permission").
  if (isInvite && (await sources.accountData.blocksInvites(request.userId))) return undefined;
  const section = isInvite ? 'invite_state' : 'knock_state';
  return `{"${section}":{"events":${await sources.rooms.strippedState(room, request.userId)}}}`;
}

export interface LeftRoomQuery extends OtherRoomQuery {
  readonly accountData: readonly AccountDataItem[];
}

export interface LeftRoom {
  readonly room: RoomRecord;
  readonly timeline: readonly RoomEvent[];
  readonly isLimited: boolean;
  readonly startsAfter: number | undefined;
  readonly state: readonly RoomEvent[];
  /** JSON texts. */
  readonly accountData: readonly string[];
}

/**
 * A room that the user left or was put out of since the token, up to that point (C9): its last events, no sticky
 * section. On an initial sync, and on a whole one, also what was left before, where the filter asks for that. Who was
 * never in the room since the token (an invite was declined, a knock refused) gets his own member event, nothing else.
 */
export async function readLeftRoom(
  query: LeftRoomQuery,
  sources: SyncSources,
  lazy: LazyMembers,
): Promise<LeftRoom | undefined> {
  const { request, room, membership, range } = query;
  const isInitial = range.since === undefined;
  if (membership.isForgotten) return undefined;
  const isNew = !isInitial && isNews(range, membership);
  const isWhole = isInitial || request.fullState;
  if (!isNew && !(isWhole && request.filter.room.includeLeave)) return undefined;
  const parting = await sources.partings.of(membership);
  if (parting?.place === undefined || !(isWhole || isNews(range, parting.place))) {
    return neverThere(query, (await sources.events.byNids([membership.eventNid])).get(membership.eventNid));
  }
  const upToParting = rangeUpTo(range, parting.place);
  const there = { request, room, range: upToParting };
  const changes = isInitial ? [] : await readMemberChanges(room.nid, upToParting, sources);
  const isNewToUser = isInitial || !(await wasJoinedBefore(changes, request.userId, sources));
  const timeline = await readTimeline({ ...there, membership, isNewToUser }, sources);
  const { events, last, isLimited, startsAfter } = timeline;
  const state = await readStateSection(
    {
      ...there,
      isWhole: isWhole || isNewToUser,
      timeline: events,
      last: last ?? parting,
      isLimited,
      mayHaveChanged: true,
      mayBeResolved: true,
      heroes: [],
    },
    sources,
    lazy,
  );
  return { room, timeline: events, isLimited, startsAfter, state, accountData: roomAccountDataTexts(query) };
}

function neverThere(query: LeftRoomQuery, member: RoomEvent | undefined): LeftRoom {
  return {
    room: query.room,
    timeline: member === undefined ? [] : [member],
    isLimited: false,
    startsAfter: (member?.place?.roomIndex ?? 1) - 1,
    state: [],
    accountData: roomAccountDataTexts(query),
  };
}
