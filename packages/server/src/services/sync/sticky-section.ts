import type { RoomEvent } from '../rooms/room-event.ts';
import { STICKY_START, type StickyCursor, stickyCursorAt } from '../sticky-events/sticky-cursor.ts';
import { readDueSticky, stickyAmong } from './due-sticky.ts';
import type { JoinedRoom } from './joined-room.ts';
import type { SyncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import { MAX_DELIVERED_AHEAD } from './sync-token.ts';
import type { UserRoom } from './user-room.ts';

export interface StickySection {
  /** By room nid, oldest first. */
  readonly events: ReadonlyMap<number, readonly RoomEvent[]>;
  /** Where the next answer goes on; `undefined` when everything due was delivered. */
  readonly cursor: StickyCursor | undefined;
  /** Events that must leave the timelines because the token cannot remember so many; their turn here comes. */
  readonly postponed: ReadonlySet<number>;
}

export const NOTHING_STICKY: StickySection = { events: new Map(), cursor: undefined, postponed: new Set() };

export interface StickySectionQuery {
  readonly request: Pick<SyncRequest, 'userId' | 'since'>;
  readonly range: Pick<SyncRange, 'upTo'>;
  /** Every room the user is joined to and the filter lets pass, whether or not it has anything else to tell. */
  readonly joined: readonly UserRoom[];
  /** The joined rooms as they will be in this answer: what their timelines hold is not given twice (C3). */
  readonly answered: readonly Pick<JoinedRoom, 'timeline'>[];
}

/** The unexpired sticky events that are due to this client (C1 to C6), at the same token as the timelines. */
export async function readStickySection(query: StickySectionQuery, sources: SyncSources): Promise<StickySection> {
  const { request, range, joined, answered } = query;
  const nowMs = sources.platform.clock.nowMs();
  const inTimeline = stickyAmong(
    answered.flatMap((room) => room.timeline),
    nowMs,
  );
  const rooms = joined.map(({ room, membership }) => ({ room, joinedPosition: membership.joinedPosition ?? 0 }));
  const found = new Map<number, RoomEvent[]>();
  let cursor: StickyCursor | undefined;
  for (const [writer, upTo] of range.upTo) {
    const page = await readDueSticky(
      {
        userId: request.userId,
        rooms,
        writer,
        since: request.since?.vector.get(writer) ?? 0,
        cursor: cursorOf(request, writer),
        upTo,
        limit: sources.settings.stickyEventsPerSync,
        nowMs,
        inTimeline: new Set(inTimeline.keys()),
      },
      sources,
    );
    cursor = page.cursor ?? cursor;
    for (const [roomNid, events] of page.events) found.set(roomNid, [...(found.get(roomNid) ?? []), ...events]);
  }
  return shortened({ events: found, cursor, postponed: new Set() }, inTimeline);
}

function cursorOf({ since }: Pick<SyncRequest, 'since'>, writer: number): StickyCursor {
  if (since === undefined) return STICKY_START;
  return since.sticky ?? stickyCursorAt(since.vector.get(writer) ?? 0);
}

/** A token lists so many deliveries ahead of their turn and no more; the newest of too many wait for their turn. */
function shortened(section: StickySection, inTimeline: ReadonlyMap<number, number>): StickySection {
  const { cursor } = section;
  if (cursor === undefined || cursor.delivered.length <= MAX_DELIVERED_AHEAD) return section;
  const removable = cursor.delivered.filter((position) => inTimeline.has(position));
  const excess = new Set(removable.slice(MAX_DELIVERED_AHEAD - cursor.delivered.length));
  return {
    ...section,
    cursor: { ...cursor, delivered: cursor.delivered.filter((position) => !excess.has(position)) },
    postponed: new Set([...excess].flatMap((position) => inTimeline.get(position) ?? [])),
  };
}
