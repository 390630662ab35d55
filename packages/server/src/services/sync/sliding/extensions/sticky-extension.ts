import type { StreamVector } from '../../../../storage/stream.ts';
import { STICKY_START } from '../../../sticky-events/sticky-cursor.ts';
import { type DueSticky, readDueSticky, stickyAmong } from '../../due-sticky.ts';
import type { SyncSources } from '../../sync-sources.ts';
import type { ExtensionPart, ExtensionsInput } from './extensions-input.ts';
import {
  type GivenSticky,
  progressAfter,
  progressIn,
  type RoomProgress,
  type StickyProgress,
  type StickyRoom,
} from './sticky-progress.ts';
import { formatStickyToken, parseStickyToken } from './sticky-token.ts';

const STABLE_NAME = 'sticky_events';
const UNSTABLE_NAME = 'org.matrix.msc4354.sticky_events';

/** Where the client does not say. */
const DEFAULT_LIMIT = 100;

/**
 * The unexpired sticky events of the rooms that some list of the request would match at any window, and of the
 * subscribed ones, where the user is joined (C1 to C6, C9, C10). Specification: MSC4480.
 */
export async function readStickyExtension(
  input: ExtensionsInput,
  sources: SyncSources,
): Promise<ExtensionPart | undefined> {
  const { extensions, range } = input;
  const name = extensions[UNSTABLE_NAME] === undefined ? STABLE_NAME : UNSTABLE_NAME;
  const request = extensions[name];
  // Positions of several writers in one mark cannot be told apart: like the cursor of /sync, this is of one writer.
  const [place] = range.upTo;
  if (request?.enabled !== true || !sources.settings.stickyEnabled || place === undefined) return undefined;
  const [writer, upTo] = place;
  const progress = sinceOf(request.since, sources, range.upTo) ?? { writer, seenUpTo: 0, mark: 0, rooms: new Map() };
  const delivery = await readDelivery({ input, progress, upTo, limit: request.limit ?? DEFAULT_LIMIT }, sources);
  if (!delivery.isChanged) return undefined;
  const next = progressAfter(progress, delivery.given);
  const rooms = await roomTexts(delivery.due, input, sources);
  const text = `{"next_batch":"${formatStickyToken(next, sources.storage.databaseTag)}","rooms":{${rooms.join()}}}`;
  return { name, text, isNews: rooms.length > 0 || delivery.due.cursor !== undefined };
}

function sinceOf(text: string | undefined, sources: SyncSources, current: StreamVector): StickyProgress | undefined {
  // An empty one is how some clients say that they have none.
  return text ? parseStickyToken(text, { databaseTag: sources.storage.databaseTag, current }) : undefined;
}

interface DeliveryQuery {
  readonly input: ExtensionsInput;
  readonly progress: StickyProgress;
  readonly upTo: number;
  readonly limit: number;
}

interface Delivery {
  readonly due: DueSticky;
  readonly given: GivenSticky;
  /** Whether the client needs another token. */
  readonly isChanged: boolean;
}

async function readDelivery({ input, progress, upTo, limit }: DeliveryQuery, sources: SyncSources): Promise<Delivery> {
  const { writer } = progress;
  const nowMs = sources.platform.clock.nowMs();
  const rooms = stickyRooms(input, sources, writer);
  const inTimelines = new Map<number, readonly number[]>();
  const timelineNids = new Set<number>();
  for (const [nid, { timeline }] of input.answered) {
    const sticky = stickyAmong(timeline, nowMs);
    if (sticky.size > 0) inTimelines.set(nid, [...sticky.keys()]);
    for (const eventNid of sticky.values()) timelineNids.add(eventNid);
  }
  const covered = rooms.filter(({ isCovered }) => isCovered);
  const standing = new Map<number, RoomProgress>(covered.map((room) => [room.nid, progressIn(progress, room)]));
  const records = new Map(input.rooms.map(({ room }) => [room.nid, room]));
  const found = await readDueSticky(
    {
      userId: input.userId,
      rooms: [...standing].flatMap(([nid, { mark }]) => {
        const room = records.get(nid);
        return room === undefined ? [] : [{ room, joinedPosition: 0, dueAfter: mark }];
      }),
      writer,
      since: 0,
      cursor: { ...STICKY_START, delivered: [...standing.values()].flatMap(({ delivered }) => delivered) },
      upTo,
      limit: Math.min(Math.max(limit, 1), sources.settings.stickyEventsPerSync),
      nowMs,
      inTimeline: new Set([...inTimelines.values()].flat()),
    },
    sources,
  );
  const due = without(found, timelineNids);
  const isTimelineNews = [...standing].some(([nid, { mark, delivered }]) =>
    inTimelines.get(nid)?.some((position) => position > mark && !delivered.includes(position)),
  );
  const reached = due.cursor?.passed.due ?? upTo;
  const hasDueAfter = (nid: number, position: number) => sources.sticky.hasDueAfter(nid, writer, position);
  return {
    due,
    given: { rooms, reached, seenUpTo: upTo, inTimelines, hasDueAfter },
    isChanged: due.events.size > 0 || due.cursor !== undefined || isTimelineNews,
  };
}

/** Joined rooms that have anything sticky: the others need no attention, and most accounts have none. */
function stickyRooms(input: ExtensionsInput, { sticky }: SyncSources, writer: number): StickyRoom[] {
  const rooms = input.rooms.filter(
    ({ room, membership }) => membership.membership === 'join' && sticky.hasDueAfter(room.nid, writer, 0),
  );
  const covered = rooms.length === 0 ? new Set<number>() : coveredRooms(input);
  return rooms.map(({ room: { nid }, membership }) => ({
    nid,
    joinedPosition: membership.joinedPosition ?? 0,
    isCovered: covered.has(nid),
    isInitial: input.answered.get(nid)?.isInitial ?? false,
  }));
}

function coveredRooms({ lists, subscriptions }: ExtensionsInput): Set<number> {
  const covered = new Set(subscriptions.map(({ room }) => room.nid));
  for (const { matching } of lists.values()) for (const { room } of matching) covered.add(room.nid);
  return covered;
}

/** An event fetched of a room's past becomes due elsewhere than it stands, and is in a timeline all the same (C3). */
function without({ events, cursor }: DueSticky, nids: ReadonlySet<number>): DueSticky {
  if (nids.size === 0) return { events, cursor };
  const rest = [...events].map(([roomNid, ofRoom]) => [roomNid, ofRoom.filter(({ nid }) => !nids.has(nid))] as const);
  return { events: new Map(rest.filter(([, ofRoom]) => ofRoom.length > 0)), cursor };
}

async function roomTexts({ events }: DueSticky, input: ExtensionsInput, { rooms }: SyncSources): Promise<string[]> {
  const { userId, deviceId } = input;
  const texts: string[] = [];
  for (const ofRoom of events.values()) {
    const shown = await rooms.present(ofRoom, { userId, deviceId, withRoomId: false });
    texts.push(`${JSON.stringify(ofRoom[0]?.room.roomId)}:{"events":[${shown.join()}]}`);
  }
  return texts;
}
