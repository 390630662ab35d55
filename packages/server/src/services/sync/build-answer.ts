import type { AccountDataItem } from '../accounts/account-data-reader.ts';
import { includesRoom } from '../accounts/filter.ts';
import { breathe } from '../rooms/breathe.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import { accountDataTexts } from './account-data-texts.ts';
import { AnswerText } from './answer-text.ts';
import { type DeviceLists, readDeviceLists } from './device-lists.ts';
import { type JoinedRoom, readJoinedRoom } from './joined-room.ts';
import type { LazyMembers } from './lazy-members.ts';
import { readLeftRoom, readStrippedRoom } from './other-rooms.ts';
import { readPresence } from './presence-section.ts';
import { typePasses } from './section-filter.ts';
import { NOTHING_STICKY, readStickySection, type StickySection } from './sticky-section.ts';
import { QUIET_ROOM, type RoomNews, readNews, type SyncNews } from './sync-news.ts';
import { isNews, type SyncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import { formatSyncToken, type SyncToken } from './sync-token.ts';
import { readToDevice, type ToDevice } from './to-device.ts';
import type { UserRoom } from './user-room.ts';

/** Rooms read before other requests get their turn. */
const ROOMS_PER_TURN = 20;

export interface SyncAnswer {
  /** The body, as JSON text. */
  readonly text: string;
  /** What its `next_batch` says. */
  readonly token: SyncToken;
  /** There is nothing in it: a request that waits goes on waiting. */
  readonly isEmpty: boolean;
}

export interface AnswerInput {
  readonly request: SyncRequest;
  readonly range: SyncRange;
  /** The user's rooms, as they are at the end of the range. */
  readonly rooms: readonly UserRoom[];
}

/** Reads everything that the answer tells, at one token, and writes it. */
export async function buildAnswer(input: AnswerInput, sources: SyncSources, lazy: LazyMembers): Promise<SyncAnswer> {
  const { request, range } = input;
  const news = request.fullState ? undefined : readNews(sources.storage.stream, range, request);
  const accountData =
    news !== undefined && !news.accountData
      ? []
      : await sources.accountData.changed(request.userId, range.since && range.ranges);
  const rooms = await readRooms({ ...input, news, accountData }, sources, lazy);
  const toDevice = await readToDevice(request, range, { news, sources });
  const isFirst = range.since === undefined;
  const mayHaveDeviceLists =
    news === undefined || news.memberships.length + news.deviceUsers.size + news.signedUsers.size > 0;
  const deviceLists =
    isFirst || !mayHaveDeviceLists
      ? undefined
      : await readDeviceLists({ userId: request.userId, range, news, rooms: input.rooms }, sources);
  const presence = await readPresence({ ...input, news }, sources);
  return write({ request, range, news, accountData, rooms, toDevice, deviceLists, presence }, sources);
}

interface Rooms {
  readonly join: readonly JoinedRoom[];
  /** By room nid. */
  readonly sticky: StickySection;
  /** JSON texts by room ID. */
  readonly invite: ReadonlyMap<string, string>;
  readonly knock: ReadonlyMap<string, string>;
  readonly leave: ReadonlyMap<string, string>;
  /** Rooms that have something sticky and nothing else. */
  readonly stickyOnly: readonly JoinedRoom[];
}

type RoomsInput = AnswerInput & {
  readonly news: SyncNews | undefined;
  readonly accountData: readonly AccountDataItem[];
};

async function readRooms(input: RoomsInput, sources: SyncSources, lazy: LazyMembers): Promise<Rooms> {
  const { request, range } = input;
  const join: JoinedRoom[] = [];
  const invite = new Map<string, string>();
  const knock = new Map<string, string>();
  const leave = new Map<string, string>();
  const accountDataByRoom = Map.groupBy(input.accountData, ({ roomId }) => roomId);
  const passing = input.rooms.filter(({ room }) => includesRoom(request.filter.room, room.roomId));
  const isIncremental = range.since !== undefined && !request.fullState;
  let sinceBreath = 0;
  for (const { room, membership } of passing) {
    // Most rooms of a user who has been about for years: left long ago.
    if (isIncremental && membership.membership !== 'join' && !isNews(range, membership)) continue;
    const accountData = accountDataByRoom.get(room.roomId) ?? [];
    const query = { request, room, membership, range, accountData };
    if (membership.membership === 'join') {
      const news = newsOf(input, { room, membership }, accountData);
      if (news === 'nothing') continue;
      const answer = await readJoinedRoom({ ...query, news }, sources, lazy);
      if (answer !== undefined) join.push(answer);
    } else if (membership.membership === 'invite' || membership.membership === 'knock') {
      const text = await readStrippedRoom(query, sources);
      if (text !== undefined) (membership.membership === 'invite' ? invite : knock).set(room.roomId, text);
    } else {
      const left = await readLeftRoom(query, sources, lazy);
      if (left !== undefined) leave.set(room.roomId, await new AnswerText(request, range, sources).leftRoom(left));
    }
    sinceBreath += 1;
    if (sinceBreath % ROOMS_PER_TURN === 0) await breathe(sources.platform.timers);
  }
  const joined = passing.filter(({ membership }) => membership.membership === 'join');
  const sticky = sources.settings.stickyEnabled
    ? await readStickySection({ request, range, joined, answered: join }, sources)
    : NOTHING_STICKY;
  const told = new Set(join.map(({ room }) => room.nid));
  const stickyOnly = joined.filter(({ room }) => sticky.events.has(room.nid) && !told.has(room.nid)).map(onlySticky);
  return { join: withoutPostponed(join, sticky.postponed), sticky, invite, knock, leave, stickyOnly };
}

/** What is known to have happened in a room: `undefined` for anything, 'nothing' for a room that need not be read. */
function newsOf(
  { request, range, news }: RoomsInput,
  { room, membership }: UserRoom,
  accountData: readonly AccountDataItem[],
): RoomNews | undefined | 'nothing' {
  if (news === undefined || request.fullState) return undefined;
  if (isNews(range, { writer: membership.writer, position: membership.joinedPosition ?? 0 })) return undefined;
  const known = news.rooms.get(room.roomId);
  if (known !== undefined) return known;
  if (accountData.length === 0) return 'nothing';
  return QUIET_ROOM;
}

function onlySticky({ room }: UserRoom): JoinedRoom {
  return {
    room,
    timeline: [],
    isLimited: false,
    startsAfter: undefined,
    state: [],
    summary: undefined,
    ephemeral: [],
    accountData: [],
    unread: undefined,
  };
}

function withoutPostponed(rooms: readonly JoinedRoom[], postponed: ReadonlySet<number>): readonly JoinedRoom[] {
  if (postponed.size === 0) return rooms;
  return rooms.map((room) => ({
    ...room,
    timeline: room.timeline.filter((event: RoomEvent) => !postponed.has(event.nid)),
  }));
}

interface Read {
  readonly request: SyncRequest;
  readonly range: SyncRange;
  readonly news: SyncNews | undefined;
  readonly accountData: readonly AccountDataItem[];
  readonly rooms: Rooms;
  readonly toDevice: ToDevice;
  readonly deviceLists: DeviceLists | undefined;
  /** JSON texts. */
  readonly presence: readonly string[];
}

async function write(read: Read, sources: SyncSources): Promise<SyncAnswer> {
  const { request, range, rooms, toDevice, deviceLists } = read;
  const token = { vector: range.upTo, sticky: rooms.sticky.cursor, toDeviceUpTo: toDevice.upTo };
  const parts = [`"next_batch":"${formatSyncToken(token, sources.storage.databaseTag)}"`];
  const globalData = read.accountData.filter(
    ({ roomId, type }) => roomId === undefined && typePasses(request.filter.accountData, type),
  );
  if (globalData.length > 0) parts.push(`"account_data":{"events":[${accountDataTexts(globalData).join()}]}`);
  const roomsText = await writeRooms(read, sources);
  if (roomsText !== '') parts.push(`"rooms":{${roomsText}}`);
  if (read.presence.length > 0) parts.push(`"presence":{"events":[${read.presence.join()}]}`);
  if (toDevice.texts.length > 0) parts.push(`"to_device":{"events":[${toDevice.texts.join()}]}`);
  const devices = (deviceLists?.changed.length ?? 0) + (deviceLists?.left.length ?? 0);
  if (devices > 0) parts.push(`"device_lists":${JSON.stringify(deviceLists)}`);
  // While the sticky section has more to give, even an empty page is an answer: its token has moved on.
  const hasMoreSticky = rooms.sticky.cursor !== undefined;
  // Where the tail did not reach back, anything may have changed, and the client should come back with a newer token.
  const isEmpty = parts.length === 1 && read.news?.keyCounts === false && !hasMoreSticky;
  const { oneTimeKeys, unusedFallbackTypes } = await sources.encryption.keyCounts(request);
  const fallbackTypes = JSON.stringify(unusedFallbackTypes);
  parts.push(`"device_one_time_keys_count":${JSON.stringify(oneTimeKeys)}`);
  parts.push(`"device_unused_fallback_key_types":${fallbackTypes}`);
  parts.push(`"org.matrix.msc2732.device_unused_fallback_key_types":${fallbackTypes}`);
  return { text: `{${parts.join()}}`, token, isEmpty };
}

async function writeRooms({ request, range, rooms }: Read, sources: SyncSources): Promise<string> {
  const text = new AnswerText(request, range, sources);
  const join = new Map<string, string>();
  for (const answer of [...rooms.join, ...rooms.stickyOnly]) {
    join.set(answer.room.roomId, await text.joinedRoom(answer, rooms.sticky.events.get(answer.room.nid) ?? []));
  }
  return Object.entries({ join, invite: rooms.invite, knock: rooms.knock, leave: rooms.leave })
    .filter(([, texts]) => texts.size > 0)
    .map(([name, texts]) => {
      const entries = [...texts].map(([roomId, entry]) => `${JSON.stringify(roomId)}:${entry}`);
      return `"${name}":{${entries.join()}}`;
    })
    .join();
}
