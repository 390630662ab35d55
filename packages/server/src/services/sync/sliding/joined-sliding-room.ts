import type { StateChangeRow } from '../../../storage/queries/sync.ts';
import { hasSeen } from '../../../storage/stream.ts';
import type { RoomEvent } from '../../rooms/room-event.ts';
import { readHeroes } from '../summary-section.ts';
import { isNews, syncRange } from '../sync-range.ts';
import type { SyncSources } from '../sync-sources.ts';
import { formatTimelineToken } from '../sync-token.ts';
import type { TimelineSection } from '../timeline-section.ts';
import type { ToldMembers } from '../told-members.ts';
import { neededMembers } from './needed-members.ts';
import { lastOfEach, readState, readStateChanges } from './required-state.ts';
import type { RoomAnswer, RoomQuery, RoomReading } from './room-query.ts';
import { readSlidingTimeline } from './sliding-timeline.ts';
import { coversState } from './state-coverage.ts';
import { readStateRule } from './state-rule.ts';

/** Slots that the room's own properties come from. */
const NAME_SLOTS = ['m.room.name', 'm.room.avatar'].map((type) => ({ type, stateKey: '' }));

/** Reads one room that the user is in, for one answer; `undefined` when there is nothing to tell. */
export async function readJoinedSlidingRoom(
  query: RoomQuery,
  members: ToldMembers,
  sources: SyncSources,
): Promise<RoomAnswer | undefined> {
  const reading = beginReading(query);
  const { isInitial } = reading;
  const timeline = await readTimelineOf(reading, sources);
  const changes = isInitial || !reading.mayHaveState ? [] : await readStateChanges(reading, sources);
  const { state, names } = await readStateOf(reading, changes, sources);
  const lazy = await readLazyMembers({ ...reading, timeline, changes, given: state }, members, sources);
  const properties = await readProperties(reading, { changes, names }, sources);
  const unread = await readUnread(reading, timeline, sources);
  const events = isInitial || (timeline?.events.length ?? 0) > 0 || timeline?.isLimited === true;
  const isSomething = events || state.length + lazy.length + properties.length + unread.length > 0;
  const told = toldBy(reading, timeline, changes);
  if (!isSomething && reading.query.told?.isDirect === query.isDirect) {
    return { properties: [], isInitial, state: [], timeline: undefined, told };
  }
  const timelineProperties = timeline === undefined ? [] : describeTimeline(reading, timeline, sources);
  return {
    properties: [...flags(reading), ...properties, ...timelineProperties, ...unread, ...standing(query)],
    isInitial,
    state: [...state, ...lazy],
    timeline: timeline?.events,
    isLimited: timeline?.isLimited,
    told,
  };
}

function beginReading(query: RoomQuery): RoomReading {
  const { room, membership, range, since, told, config, news, activity } = query;
  const known = syncRange(since, range.upTo);
  const joinedAt = { writer: membership.writer, position: membership.joinedPosition ?? 0 };
  const isInitial = told === undefined || since === undefined || told.isStripped || isNews(known, joinedAt);
  const lastEvent = { writer: membership.writer, position: activity.last };
  const mayHaveNews = isNews(known, lastEvent) || isNews(known, membership);
  return {
    query,
    room,
    slotFinder: query.slotFinder,
    range: isInitial ? syncRange(undefined, range.upTo) : known,
    isInitial,
    isExpanded: !isInitial && config.timelineLimit > told.timelineLimit,
    mayHaveEvents: isInitial || (news === undefined ? mayHaveNews : news.events),
    mayHaveState: news === undefined ? mayHaveNews : news.state || news.isResolved || news.summary,
  };
}

async function readTimelineOf(reading: RoomReading, sources: SyncSources): Promise<TimelineSection | undefined> {
  const { query, range, isExpanded, mayHaveEvents } = reading;
  if (!mayHaveEvents && !isExpanded) return undefined;
  return readSlidingTimeline(query, isExpanded ? syncRange(undefined, range.upTo) : range, sources);
}

interface StateRead {
  readonly state: readonly RoomEvent[];
  /** What the name and the avatar come from, where that was read along. */
  readonly names: readonly RoomEvent[] | undefined;
}

/** What the rules ask for: all of it at first, later what changed, and what they did not ask for before. */
async function readStateOf(
  reading: RoomReading,
  changes: readonly StateChangeRow[],
  sources: SyncSources,
): Promise<StateRead> {
  const { query, isInitial } = reading;
  const { rules, stateRules } = query.config;
  const isWanted = (type: string, stateKey: string) => rules.some((rule) => rule.matches(type, stateKey));
  const isWantedEvent = ({ pdu }: RoomEvent) => isWanted(pdu.type, pdu.stateKey ?? '');
  if (isInitial) {
    const names = await readState(reading, { rules, slots: NAME_SLOTS }, sources);
    return { state: names.filter(isWantedEvent), names };
  }
  const changed = await lastOfEach(changes, ({ type, state_key }) => isWanted(type, state_key), sources);
  const told = query.told?.stateRules ?? [];
  if (coversState(told, stateRules)) return { state: changed, names: undefined };
  const before = told.map(readStateRule);
  const given = new Set(changed.map(({ nid }) => nid));
  const added = (await readState(reading, { rules, slots: [] }, sources)).filter(
    (event) =>
      isWantedEvent(event) &&
      !given.has(event.nid) &&
      !before.some((rule) => rule.matches(event.pdu.type, event.pdu.stateKey ?? '')),
  );
  return { state: [...changed, ...added], names: undefined };
}

async function readLazyMembers(
  reading: Parameters<typeof neededMembers>[0],
  members: ToldMembers,
  sources: SyncSources,
): Promise<readonly RoomEvent[]> {
  const { config, membersKey } = reading.query;
  if (config.rules.some(({ isLazy }) => isLazy)) return neededMembers(reading, members, sources);
  // Who was told of members as they were needed does not hear of these changes.
  if (reading.changes.some(({ type }) => type === 'm.room.member')) members.forget(membersKey);
  return [];
}

/** `name`, `avatar`, `heroes` and the counts of members, where they are new. */
async function readProperties(
  reading: RoomReading,
  { changes, names }: Pick<StateRead, 'names'> & { readonly changes: readonly StateChangeRow[] },
  sources: SyncSources,
): Promise<string[]> {
  const { query, room, isInitial } = reading;
  const isChanged = (type: string) => changes.some((change) => change.type === type);
  const [nameChanged, avatarChanged, membersChanged] = [
    isInitial || isChanged('m.room.name'),
    isInitial || isChanged('m.room.avatar'),
    isInitial || isChanged('m.room.member') || query.news?.summary === true,
  ];
  if (!nameChanged && !avatarChanged && !membersChanged) return [];
  const slots = names ?? (await readState(reading, { rules: [], slots: NAME_SLOTS }, sources));
  const textOf = (type: string, field: string) => {
    const value = slots.find(({ pdu }) => pdu.type === type)?.pdu.content[field];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [name, avatar] = [textOf('m.room.name', 'name'), textOf('m.room.avatar', 'url')];
  const properties: string[] = [];
  // `null` says that there is none any more; at first sight that goes without saying.
  if (nameChanged && !(isInitial && name === undefined)) properties.push(`"name":${JSON.stringify(name ?? null)}`);
  if (avatarChanged && !(isInitial && avatar === undefined))
    properties.push(`"avatar":${JSON.stringify(avatar ?? null)}`);
  if (name === undefined && (nameChanged || membersChanged)) {
    properties.push(`"heroes":${JSON.stringify(await readHeroesOf(reading, sources))}`);
  }
  if (membersChanged) {
    const { joined, invited } = await sources.memberships.counts(room);
    properties.push(`"joined_count":${joined},"invited_count":${invited}`);
  }
  return properties;
}

async function readHeroesOf(reading: RoomReading, sources: SyncSources): Promise<Record<string, string>[]> {
  const userIds = await readHeroes(reading.room, reading.query.request.userId, sources);
  const slots = userIds.map((stateKey) => ({ type: 'm.room.member', stateKey }));
  const events = await readState(reading, { rules: [], slots }, sources);
  const contents = new Map(events.map(({ pdu }) => [pdu.stateKey, pdu.content]));
  return userIds.map((userId) => {
    const { displayname, avatar_url } = contents.get(userId) ?? {};
    return {
      user_id: userId,
      ...(typeof displayname === 'string' && { displayname }),
      ...(typeof avatar_url === 'string' && { avatar_url }),
    };
  });
}

/** Threads are among them: no part of the answer tells them apart. */
async function readUnread(
  { query, room, isInitial, mayHaveEvents }: RoomReading,
  timeline: TimelineSection | undefined,
  sources: SyncSources,
): Promise<string[]> {
  const hasEvents = mayHaveEvents && timeline?.last !== undefined;
  if (!isInitial && !hasEvents && !query.isRead) return [];
  const { notifications, highlights } = (await sources.unread.counts(room, query.request.userId)).all;
  return [`"notification_count":${notifications},"highlight_count":${highlights}`];
}

function flags({ isInitial, isExpanded }: RoomReading): string[] {
  return [...(isInitial ? ['"initial":true'] : []), ...(isExpanded ? ['"unstable_expanded_timeline":true'] : [])];
}

function standing({ activity, membership, isDirect }: RoomQuery): string[] {
  const bump = activity.bump === 0 ? (membership.joinedPosition ?? membership.position) : activity.bump;
  return [`"bump_stamp":${bump},"is_dm":${isDirect}`];
}

function describeTimeline(
  { query }: RoomReading,
  { events, isLimited, startsAfter }: TimelineSection,
  { storage }: SyncSources,
): string[] {
  const { since } = query.range;
  const live = events.filter(({ place }) => since !== undefined && place !== undefined && !hasSeen(since, place));
  const token =
    startsAfter === undefined ? [] : [`"prev_batch":"${formatTimelineToken(startsAfter, storage.databaseTag)}"`];
  return [`"limited":${isLimited},"num_live":${live.length}`, ...token];
}

/** What the client has of the room once it has this answer. */
function toldBy(
  { query, isInitial, isExpanded }: RoomReading,
  timeline: TimelineSection | undefined,
  changes: readonly StateChangeRow[],
): RoomAnswer['told'] {
  const { told, config } = query;
  const { timelineLimit, stateRules } = config;
  if (told === undefined || isInitial) return { timelineLimit, stateRules, isStripped: false };
  // After a gap, the client has the last few events alone.
  const hasGap = timeline?.isLimited === true && !isExpanded;
  const isCovered = coversState(told.stateRules, stateRules);
  return {
    timelineLimit: hasGap ? timelineLimit : Math.max(told.timelineLimit, timelineLimit),
    // Rules that ask for more than is wanted now still say what the client has, until some of it changes.
    stateRules: isCovered && changes.length === 0 ? told.stateRules : stateRules,
    isStripped: false,
  };
}
