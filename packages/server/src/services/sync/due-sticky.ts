import type { RoomEvent } from '../rooms/room-event.ts';
import { stickyEndOf } from '../rooms/sticky-end.ts';
import type { StickyQuery } from '../sticky-events/due-sticky-events.ts';
import type { StickyCursor } from '../sticky-events/sticky-cursor.ts';
import type { SyncSources } from './sync-sources.ts';

export type DueStickyQuery = Omit<StickyQuery, 'ignoredUsers'> & { readonly userId: string };

export interface DueSticky {
  /** By room nid, oldest first. */
  readonly events: ReadonlyMap<number, RoomEvent[]>;
  /** Where the next answer goes on; `undefined` when everything due was delivered. */
  readonly cursor: StickyCursor | undefined;
}

/** One page of the unexpired sticky events of one writer that are due to a user: what all forms of sync give out. */
export async function readDueSticky({ userId, ...query }: DueStickyQuery, sources: SyncSources): Promise<DueSticky> {
  const ignoredUsers = await sources.accountData.ignoredUsers(userId);
  const page = await sources.sticky.page({ ...query, ignoredUsers });
  const events = await sources.events.byNids(page.events.map(({ eventNid }) => eventNid));
  const found = new Map<number, RoomEvent[]>();
  for (const { eventNid, room } of page.events) {
    const event = events.get(eventNid);
    if (event === undefined) throw new Error(`Sticky event ${eventNid} has no event`);
    const inRoom = found.get(room.nid);
    if (inRoom === undefined) found.set(room.nid, [event]);
    else inRoom.push(event);
  }
  return { events: found, cursor: page.cursor };
}

/** The unexpired sticky ones among events of timelines: their nids by the positions where they became due. */
export function stickyAmong(events: readonly RoomEvent[], nowMs: number): Map<number, number> {
  const found = new Map<number, number>();
  for (const event of events) {
    if (event.place !== undefined && (stickyEndOf(event) ?? 0) > nowMs) found.set(event.place.position, event.nid);
  }
  return found;
}
