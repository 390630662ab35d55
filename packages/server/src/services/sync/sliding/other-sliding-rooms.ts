import type { RoomEvent } from '../../rooms/room-event.ts';
import { isNews, rangeUpTo, type SyncRange, syncRange } from '../sync-range.ts';
import type { SyncSources } from '../sync-sources.ts';
import { formatTimelineToken } from '../sync-token.ts';
import { lastOfEach, readEvents, readStateChanges } from './required-state.ts';
import type { RoomAnswer, RoomQuery } from './room-query.ts';
import { readSlidingTimeline } from './sliding-timeline.ts';

/** An invite or a knock; `undefined` when the client has it already. */
export async function readStrippedSlidingRoom(query: RoomQuery, sources: SyncSources): Promise<RoomAnswer | undefined> {
  const { request, room, membership, range, since, told, isDirect } = query;
  const isNew = told === undefined || !told.isStripped || isNews(syncRange(since, range.upTo), membership);
  if (!isNew && told.isDirect === isDirect) return undefined;
  const state = isNew ? [`"invite_state":${await sources.rooms.strippedState(room, request.userId)}`] : [];
  return {
    properties: [...(isNew ? ['"initial":true'] : []), ...state, ...standing(query)],
    isInitial: isNew,
    state: [],
    timeline: undefined,
    told: { timelineLimit: 0, stateRules: [], isStripped: true },
  };
}

/**
 * A room that the user left, or was put out of, up to that point. Once it was told it is forgotten, unless he was put
 * out: that stays in the list. Who was never in the room gets his own member event, nothing else.
 */
export async function readLeftSlidingRoom(query: RoomQuery, sources: SyncSources): Promise<RoomAnswer | undefined> {
  const { membership, range, since, told, config } = query;
  const known = syncRange(told?.isStripped === true ? undefined : since, range.upTo);
  const wasPutOut = membership.membership === 'ban' || membership.sender !== membership.userId;
  if (told !== undefined && !isNews(syncRange(since, range.upTo), membership)) return undefined;
  const { timelineLimit, stateRules } = config;
  const isKept = wasPutOut && !membership.isForgotten;
  const next = isKept ? { timelineLimit, stateRules, isStripped: false } : undefined;
  const isInitial = told === undefined;
  const own = await readEvents([membership.eventNid], sources);
  const parting = told?.isStripped === true ? undefined : await sources.partings.of(membership);
  if (parting?.place === undefined || !isNews(known, parting.place)) {
    const timeline = ['"limited":false,"num_live":0'];
    return {
      properties: [...(isInitial ? ['"initial":true'] : []), ...timeline, ...standing(query)],
      ...{ isInitial, state: own, timeline: own, told: next },
    };
  }
  const upToParting = rangeUpTo(known, parting.place);
  const { events, isLimited, startsAfter } = await readSlidingTimeline(query, upToParting, sources);
  const state = await stateUpTo(query, upToParting, { parting, isInitial }, sources);
  const live = events.filter(({ place }) => range.since !== undefined && place !== undefined && isNews(range, place));
  const token = formatTimelineToken(startsAfter ?? parting.place.roomIndex, sources.storage.databaseTag);
  const timeline = [`"limited":${isLimited},"num_live":${live.length},"prev_batch":"${token}"`];
  const given = new Set(state.map(({ nid }) => nid));
  return {
    properties: [...(isInitial ? ['"initial":true'] : []), ...timeline, ...standing(query)],
    ...{ isInitial, timeline: events, isLimited, told: next },
    state: [...state, ...own.filter(({ nid }) => !given.has(nid))],
  };
}

/** What the rules ask for: at first sight as it was then, else what changed until then. */
async function stateUpTo(
  { room, config }: RoomQuery,
  upTo: SyncRange,
  { parting, isInitial }: { parting: RoomEvent; isInitial: boolean },
  sources: SyncSources,
): Promise<readonly RoomEvent[]> {
  const isWanted = (type: string, stateKey: string) => config.rules.some((rule) => rule.matches(type, stateKey));
  if (!isInitial) {
    const changes = await readStateChanges({ room, range: upTo }, sources);
    return lastOfEach(changes, ({ type, state_key }) => isWanted(type, state_key), sources);
  }
  const nids = [...(await sources.state.snapshotAfter(parting)).values()];
  const events = await readEvents(nids, sources);
  return events.filter(({ pdu }) => isWanted(pdu.type, pdu.stateKey ?? ''));
}

/** Of a room that the user is not in, his own membership is what happened last. */
function standing({ membership, isDirect }: RoomQuery): string[] {
  return [`"bump_stamp":${membership.position},"is_dm":${isDirect}`];
}
