import type { JsonObject } from '@limpet/protocol/json';
import type { AccountDataItem } from '../accounts/account-data-reader.ts';
import type { RoomEvent, RoomRecord } from '../rooms/room-event.ts';
import { roomAccountDataTexts } from './account-data-texts.ts';
import type { LazyMembers } from './lazy-members.ts';
import { typePassesIn } from './section-filter.ts';
import { readStateSection } from './state-section.ts';
import { readSummary } from './summary-section.ts';
import type { RoomNews } from './sync-news.ts';
import { isNews, type SyncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import { readTimeline, type TimelineSection } from './timeline-section.ts';
import type { UserRoom } from './user-room.ts';

export interface JoinedRoomQuery extends UserRoom {
  readonly request: SyncRequest;
  readonly range: SyncRange;
  /** What is known to have happened in this room; `undefined`: anything may have. */
  readonly news: RoomNews | undefined;
  readonly accountData: readonly AccountDataItem[];
}

/** What one joined room has for the client; each part is `undefined` or empty where there is nothing to tell. */
export interface JoinedRoom {
  readonly room: RoomRecord;
  readonly timeline: readonly RoomEvent[];
  readonly isLimited: boolean;
  /** Where going backwards starts; `undefined` where no timeline was read: at the answer's end. */
  readonly startsAfter: number | undefined;
  readonly state: readonly RoomEvent[];
  /** JSON texts. */
  readonly summary: string | undefined;
  readonly ephemeral: readonly string[];
  readonly accountData: readonly string[];
  readonly unread: string | undefined;
}

/** Reads one joined room for one answer; `undefined` when nothing in it is new. */
export async function readJoinedRoom(
  query: JoinedRoomQuery,
  sources: SyncSources,
  lazy: LazyMembers,
): Promise<JoinedRoom | undefined> {
  const { request, room, membership, range, news } = query;
  const joinedAt = { writer: membership.writer, position: membership.joinedPosition ?? 0 };
  const isNewToUser = range.since === undefined || isNews(range, joinedAt);
  const isWhole = isNewToUser || request.fullState;
  const mayHaveEvents = isWhole || news === undefined || news.events;
  const timeline = mayHaveEvents
    ? await readTimeline({ request, room, membership, range, isNewToUser }, sources)
    : QUIET;
  const hasEvents = timeline.last !== undefined;
  const isNamedAnew = isWhole || (hasEvents && (news === undefined || news.summary));
  const summary = isNamedAnew ? await readSummary(room, request.userId, sources) : undefined;
  const state =
    isWhole || hasEvents
      ? await readStateSection(
          {
            request,
            room,
            range,
            isWhole,
            timeline: timeline.events,
            last: hasEvents || !isWhole ? timeline.last : await newestEvent(query, sources),
            isLimited: timeline.isLimited,
            mayHaveChanged: news === undefined || news.state,
            mayBeResolved: news === undefined || news.isResolved,
            heroes: summary?.heroes ?? [],
          },
          sources,
          lazy,
        )
      : [];
  const { texts: ephemeral, hasOwnReceipt } = await readEphemeral(query, isNewToUser, sources);
  const accountData = roomAccountDataTexts(query);
  const given = timeline.events.length + state.length + ephemeral.length + accountData.length;
  const isSomething = isWhole || given > 0 || timeline.isLimited || hasOwnReceipt || news?.summary === true;
  if (!isSomething) return undefined;
  return {
    room,
    timeline: timeline.events,
    isLimited: timeline.isLimited,
    startsAfter: timeline.startsAfter,
    state,
    summary: summary?.text,
    ephemeral,
    accountData,
    unread: isWhole || hasEvents || hasOwnReceipt ? await readUnread(query, sources) : undefined,
  };
}

const QUIET: TimelineSection = { events: [], isLimited: false, startsAfter: undefined, last: undefined };

async function newestEvent({ room, range }: JoinedRoomQuery, sources: SyncSources): Promise<RoomEvent | undefined> {
  const end = await sources.timeline.roomIndexAt(room, range.upTo);
  const page = await sources.timeline.page({
    room,
    after: Number.MIN_SAFE_INTEGER,
    before: end + 1,
    limit: 1,
    direction: 'backwards',
    filter: undefined,
  });
  return page.events[0];
}

async function readEphemeral(
  query: JoinedRoomQuery,
  isNewToUser: boolean,
  sources: SyncSources,
): Promise<{ texts: string[]; hasOwnReceipt: boolean }> {
  const { request, room, range, news } = query;
  const filter = request.filter.room.ephemeral;
  const texts: string[] = [];
  let hasOwnReceipt = false;
  if (isNewToUser || news === undefined || news.receipts) {
    const content = await sources.ephemeral.receipts(room, request.userId, isNewToUser ? undefined : range.ranges);
    hasOwnReceipt = content !== undefined && isReceiptOf(content, request.userId);
    if (content !== undefined && typePassesIn(filter, room.roomId, 'm.receipt')) {
      texts.push(JSON.stringify({ type: 'm.receipt', content }));
    }
  }
  if ((isNewToUser || news === undefined || news.typing) && typePassesIn(filter, room.roomId, 'm.typing')) {
    const userIds = sources.ephemeral.typing(room.roomId);
    const isChanged = isNewToUser ? userIds.length > 0 : sources.ephemeral.typingChangedIn(room.roomId, range.ranges);
    if (isChanged) texts.push(JSON.stringify({ type: 'm.typing', content: { user_ids: userIds } }));
  }
  return { texts, hasOwnReceipt };
}

/** His own receipt changes what is unread, whether or not the client wants to see receipts. */
function isReceiptOf(content: JsonObject, userId: string): boolean {
  return Object.values(content).some((types) =>
    Object.values(types as JsonObject).some((users) => Object.hasOwn(users as JsonObject, userId)),
  );
}

/** `unread_notifications`, and `unread_thread_notifications` for clients that ask to have threads apart. */
async function readUnread({ request, room }: JoinedRoomQuery, sources: SyncSources): Promise<string> {
  const { all, main, threads } = await sources.unread.counts(room, request.userId);
  const isByThread = request.filter.room.timeline.unreadThreadNotifications;
  const { notifications, highlights } = isByThread ? main : all;
  const roomCounts = `"unread_notifications":${countText(notifications, highlights)}`;
  if (!isByThread) return roomCounts;
  const texts = Object.entries(threads).map(
    ([root, count]) => `${JSON.stringify(root)}:${countText(count.notifications, count.highlights)}`,
  );
  return `${roomCounts},"unread_thread_notifications":{${texts.join()}}`;
}

function countText(notifications: number, highlights: number): string {
  return `{"notification_count":${notifications},"highlight_count":${highlights}}`;
}
