import { selectRoomsRead } from '../../../storage/queries/sliding-sync.ts';
import type { StreamVector } from '../../../storage/stream.ts';
import { breathe } from '../../rooms/breathe.ts';
import type { RoomEvent } from '../../rooms/room-event.ts';
import type { Standpoint } from '../standpoint.ts';
import { QUIET_ROOM, readNews, type SyncNews } from '../sync-news.ts';
import { isNews } from '../sync-range.ts';
import type { SyncSources } from '../sync-sources.ts';
import type { ToldMembers } from '../told-members.ts';
import type { UserRoom } from '../user-room.ts';
import { type ConfiguredRoom, combineConfigs, type MatchedRooms } from './combine-configs.ts';
import type { ConnectionDraft } from './connection-draft.ts';
import type { ToldRoom } from './connection-state.ts';
import { type ExtensionsAnswer, readExtensions } from './extensions/read-extensions.ts';
import { readJoinedSlidingRoom } from './joined-sliding-room.ts';
import { readLeftSlidingRoom, readStrippedSlidingRoom } from './other-sliding-rooms.ts';
import { type RankedRooms, rankRooms } from './ranked-rooms.ts';
import type { RoomActivity } from './room-activity.ts';
import type { KnownRoomLabels, RoomLabels } from './room-labels.ts';
import { cutLists, type RoomList } from './room-lists.ts';
import type { RoomAnswer, RoomQuery } from './room-query.ts';
import type { KnownRoomTraits } from './room-traits.ts';
import type { SlidingRequest } from './sliding-request.ts';
import { SlotFinder } from './slot-finder.ts';
import type { SpaceChildren } from './space-children.ts';
import { coversState } from './state-coverage.ts';

/** Rooms read before other requests get their turn. */
const ROOMS_PER_TURN = 20;

/** What answers of sliding sync are made from, beside what all of sync reads. */
export interface SlidingKnowledge {
  readonly activity: RoomActivity;
  readonly traits: KnownRoomTraits;
  readonly labels: KnownRoomLabels;
  readonly spaces: SpaceChildren;
  readonly members: ToldMembers;
}

export interface SlidingAnswerInput extends Standpoint {
  readonly request: SlidingRequest;
  /** Names the connection, for what is remembered of it in memory alone. */
  readonly connectionKey: string;
  /** What the client was told, which becomes what it is told by this answer. */
  readonly draft: ConnectionDraft;
}

export interface SlidingAnswer {
  readonly upTo: StreamVector;
  /** By name of the list. */
  readonly counts: ReadonlyMap<string, number>;
  /** By room ID. */
  readonly rooms: ReadonlyMap<string, RoomAnswer>;
  readonly extensions: ExtensionsAnswer;
  /** There is nothing in it: a request that waits goes on waiting. */
  readonly isEmpty: boolean;
}

/** Reads everything that the answer tells, and notes in the draft what the client then knows. */
export async function buildSlidingAnswer(
  input: SlidingAnswerInput,
  knowledge: SlidingKnowledge,
  sources: SyncSources,
): Promise<SlidingAnswer> {
  const { request, range, draft, rooms } = input;
  const { userId } = request;
  const news = readNews(sources.storage.stream, range, request);
  const labels = await knowledge.labels.of(userId);
  const ranked = await rankRooms(rooms, { userId, draft, activity: knowledge.activity }, sources);
  const lists = await cutLists(request.lists, ranked.rooms, { labels, sources: knowledge });
  const subscriptions = subscribedRooms(draft, ranked.rooms);
  const configs = combineConfigs(matchedRooms(request, { lists, subscriptions, draft }));
  const toldUpTo = extensionsToldUpTo(draft, range.since);
  leaveWindows(draft, configs, range.since);
  const answers = await readRooms({ ...input, news, labels, ranked, configs }, knowledge, sources);
  const extensions = await readExtensions(
    {
      ...{ userId, deviceId: request.deviceId, extensions: request.extensions, newlyEnabled: draft.newlyEnabled },
      ...{ range, news, rooms, lists, subscriptions, toldUpTo },
      answered: new Map([...answers.values()].map(({ nid, answer }) => [nid, answeredRoom(answer)])),
    },
    sources,
  );
  const isOwnChange = news?.memberships.some((change) => change.userId === userId) === true;
  return {
    upTo: range.upTo,
    counts: new Map([...lists].map(([name, { matching }]) => [name, matching.length])),
    rooms: new Map([...answers].map(([roomId, { answer }]) => [roomId, answer])),
    extensions,
    isEmpty: answers.size === 0 && extensions.isEmpty && !isOwnChange,
  };
}

function answeredRoom({ isInitial, timeline }: RoomAnswer): { isInitial: boolean; timeline: readonly RoomEvent[] } {
  return { isInitial, timeline: timeline ?? [] };
}

/** Rooms that the user may not see are passed over. */
function subscribedRooms(draft: ConnectionDraft, rooms: readonly UserRoom[]): readonly UserRoom[] {
  const { subscriptions } = draft;
  return subscriptions.size === 0 ? [] : rooms.filter(({ room }) => subscriptions.has(room.roomId));
}

/** What is to be told of which rooms. */
function matchedRooms(
  { lists: rules }: SlidingRequest,
  parts: { lists: ReadonlyMap<string, RoomList>; subscriptions: readonly UserRoom[]; draft: ConnectionDraft },
): MatchedRooms[] {
  const matched: MatchedRooms[] = [];
  for (const [name, { window }] of parts.lists) {
    const rule = rules.get(name);
    if (rule !== undefined) matched.push({ rule, rooms: window });
  }
  for (const userRoom of parts.subscriptions) {
    const rule = parts.draft.subscriptions.get(userRoom.room.roomId);
    if (rule !== undefined) matched.push({ rule, rooms: [userRoom] });
  }
  return matched;
}

/** By room nid; what an older generation of extensions told counts no longer. */
function extensionsToldUpTo(draft: ConnectionDraft, since: StreamVector | undefined): Map<number, StreamVector> {
  const told = new Map<number, StreamVector>();
  for (const [nid, { upTo, generation }] of draft.rooms()) {
    const reach = upTo ?? since;
    if (generation === draft.generation && reach !== undefined) told.set(nid, reach);
  }
  return told;
}

/** Rooms that are in no window any more stay told up to where they were when they left it. */
function leaveWindows(
  draft: ConnectionDraft,
  configs: ReadonlyMap<number, unknown>,
  since: StreamVector | undefined,
): void {
  const gone: [number, ToldRoom][] = [];
  for (const [nid, told] of draft.rooms()) if (told.upTo === undefined && !configs.has(nid)) gone.push([nid, told]);
  for (const [nid, told] of gone) draft.tell(nid, { ...told, upTo: since });
}

interface RoomsInput extends SlidingAnswerInput {
  readonly news: SyncNews | undefined;
  readonly labels: RoomLabels;
  readonly ranked: RankedRooms;
  readonly configs: ReadonlyMap<number, ConfiguredRoom>;
}

/** By room ID; rooms with nothing to tell are left out. */
async function readRooms(
  input: RoomsInput,
  knowledge: SlidingKnowledge,
  sources: SyncSources,
): Promise<Map<string, { readonly nid: number; readonly answer: RoomAnswer }>> {
  const answers = new Map<string, { nid: number; answer: RoomAnswer }>();
  const read = await roomsReadMeanwhile(input, sources);
  const slotFinder = new SlotFinder(sources.state);
  let sinceBreath = 0;
  for (const configured of input.configs.values()) {
    if (isQuiet(configured, input)) continue;
    const { room } = configured.userRoom;
    const query = roomQuery(input, { ...configured, slotFinder, isRead: read.has(room.nid) });
    const answer = await readRoom(query, knowledge.members, sources);
    if (answer !== undefined) {
      note(input.draft, query, answer);
      const isSomething = answer.properties.length > 0;
      if (isSomething) answers.set(room.roomId, { nid: room.nid, answer });
    } else if (query.told !== undefined) {
      note(input.draft, query, { told: query.told });
    }
    sinceBreath += 1;
    if (sinceBreath % ROOMS_PER_TURN === 0) await breathe(sources.platform.timers);
  }
  return answers;
}

function roomQuery(
  { request, range, draft, news, labels, ranked, connectionKey }: RoomsInput,
  { userRoom, config, slotFinder, isRead }: ConfiguredRoom & Pick<RoomQuery, 'slotFinder' | 'isRead'>,
): RoomQuery {
  const { room } = userRoom;
  const told = draft.told(room.nid);
  const isLive = told !== undefined && told.upTo === undefined;
  const roomNews = isLive && news !== undefined ? (news.rooms.get(room.roomId) ?? QUIET_ROOM) : undefined;
  return {
    ...userRoom,
    ...{ request, range, told, config, slotFinder },
    since: told === undefined ? undefined : (told.upTo ?? range.since),
    news: roomNews,
    isRead: isRead || roomNews?.ownReceipts === true,
    activity: ranked.activity.get(room.nid) ?? { last: 0, bump: 0 },
    isDirect: labels.direct.has(room.roomId),
    membersKey: `${connectionKey} ${room.nid}`,
  };
}

/** Nothing happened in a room that the client knows up to its `pos`, and nothing more of it is wanted. */
function isQuiet({ userRoom, config }: ConfiguredRoom, { range, draft, news, labels }: RoomsInput): boolean {
  const { room, membership } = userRoom;
  const told = draft.told(room.nid);
  if (told === undefined || told.upTo !== undefined || told.generation !== draft.generation) return false;
  if (news === undefined || news.rooms.has(room.roomId) || isNews(range, membership)) return false;
  if (told.isDirect !== labels.direct.has(room.roomId)) return false;
  if (told.isStripped) return true;
  return config.timelineLimit <= told.timelineLimit && coversState(told.stateRules, config.stateRules);
}

/**
 * Of rooms that were out of the windows, and of all after a gap in the news, nothing says whether the user has read in
 * them: they are asked for together, a little too far back for most.
 */
async function roomsReadMeanwhile(
  { request, range, news, draft, configs }: RoomsInput,
  sources: SyncSources,
): Promise<ReadonlySet<number>> {
  const roomNids: number[] = [];
  const from: StreamVector[] = [];
  for (const nid of configs.keys()) {
    const told = draft.told(nid);
    if (told === undefined || (told.upTo === undefined && news !== undefined)) continue;
    roomNids.push(nid);
    from.push(told.upTo ?? range.since ?? range.upTo);
  }
  const read = new Set<number>();
  for (const [writer, upTo] of roomNids.length === 0 ? [] : range.upTo) {
    const after = Math.min(...from.map((vector) => vector.get(writer) ?? 0));
    const query = { roomNids, userId: request.userId, writer, after, upTo };
    for (const row of await sources.storage.read(selectRoomsRead, query)) read.add(row.room_nid);
  }
  return read;
}

async function readRoom(query: RoomQuery, members: ToldMembers, sources: SyncSources): Promise<RoomAnswer | undefined> {
  const { membership } = query.membership;
  if (membership === 'join') return readJoinedSlidingRoom(query, members, sources);
  if (membership === 'invite' || membership === 'knock') return readStrippedSlidingRoom(query, sources);
  return readLeftSlidingRoom(query, sources);
}

function note(draft: ConnectionDraft, { room, isDirect }: RoomQuery, { told }: Pick<RoomAnswer, 'told'>): void {
  if (told === undefined) draft.forget(room.nid);
  else draft.tell(room.nid, { ...told, upTo: undefined, isDirect, generation: draft.generation });
}
