import type { Clock } from '../../platform/clock.ts';
import { selectServerInRoom } from '../../storage/queries/room-servers.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StreamPlace } from '../../storage/stream.ts';
import type { ErasedUsers } from './erased-users.ts';
import type { HistoricalState } from './historical-state.ts';
import { type HistoryVisibility, historyVisibilityOf, maySee, membershipOf } from './history-visibility.ts';
import type { Membership } from './membership-reader.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';
import { stickyEndOf } from './sticky-end.ts';
import type { UsersOfServers } from './users-of-servers.ts';

export interface ServerSightParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly history: HistoricalState;
  readonly usersOfServers: UsersOfServers;
  readonly erased: ErasedUsers;
  /** A6: with the feature off a sticky event is seen like any other. */
  readonly stickyEnabled: boolean;
}

/** How another server stands to a room: it is in it since this position of the stream, or was until this place. */
export type ServerStanding =
  | { readonly isIn: true; readonly since: number }
  | { readonly isIn: false; readonly leftAt: StreamPlace };

/** An event with state before it. */
interface SeenAt {
  readonly event: RoomEvent;
  readonly snapshotNid: number;
}

/**
 * Decides which events another server may see: those that some user of it may see (`history-visibility.ts` has the
 * rule). As few reads as the rule allows: one for how the server stands to the room, one for the visibility at all
 * events, and those of the memberships only where these two leave it open. Of a server with very many users not all
 * are looked at: it may see less than it should, never more.
 */
export class ServerSight {
  readonly #parts: ServerSightParts;

  constructor(parts: ServerSightParts) {
    this.#parts = parts;
  }

  /** `undefined` for a server that never was in the room. */
  async standing(room: RoomRecord, serverName: string): Promise<ServerStanding | undefined> {
    const [row] = await this.#parts.storage.read(selectServerInRoom, { roomNid: room.nid, serverName });
    if (row === undefined) return undefined;
    return row.is_in === 1
      ? { isIn: true, since: row.position }
      : { isIn: false, leftAt: { writer: row.writer, position: row.position } };
  }

  /** Those of the events that this server may see as they are. What it may not see it gets redacted. */
  async visibleTo(
    serverName: string,
    standing: ServerStanding,
    events: readonly RoomEvent[],
  ): Promise<ReadonlySet<RoomEvent>> {
    const seen = new Set<RoomEvent>();
    if (standing.isIn) this.#takeSticky(events, seen);
    await this.#takeVisible(serverName, events, { standing, seen });
    await this.#leaveErased(serverName, standing, seen);
    return seen;
  }

  /** What erased users said is for servers that had somebody there when it was said, or came before the erasure. */
  async #leaveErased(serverName: string, standing: ServerStanding, seen: Set<RoomEvent>): Promise<void> {
    const hidden = [...seen].flatMap((event) => {
      const erasedAt = this.#parts.erased.erasedAt(event.pdu.sender);
      const cameBefore = erasedAt !== undefined && standing.isIn && standing.since < erasedAt;
      if (erasedAt === undefined || cameBefore || event.stateBefore === undefined) return [];
      return [{ event, snapshotNid: event.stateBefore }];
    });
    const memberships = await this.#membershipsAt(serverName, hidden);
    for (const one of hidden) {
      if (memberships.get(one.snapshotNid)?.includes('join') !== true) seen.delete(one.event);
    }
  }

  async #takeVisible(
    serverName: string,
    events: readonly RoomEvent[],
    { standing, seen }: { standing: ServerStanding; seen: Set<RoomEvent> },
  ): Promise<void> {
    const open = this.#takeOutliers(events, { standing, seen });
    if (open.length === 0) return;
    const visibilities = await this.#parts.history.visibilities(open.map(({ snapshotNid }) => snapshotNid));
    const hidden = open.filter((one) => {
      const here = visibilitiesOf(one, visibilities);
      // Whoever is in the room now joined after every event.
      const isSeen = here.includes('world_readable') || (here.includes('shared') && wasInAfter(standing, one.event));
      if (isSeen) seen.add(one.event);
      return !isSeen;
    });
    if (hidden.length > 0) await this.#takeByMembership(serverName, hidden, { visibilities, seen });
  }

  /** Whether some user of the server was joined at the event: before it, or by it. */
  async wasThereAt(serverName: string, event: RoomEvent): Promise<boolean> {
    if (event.stateBefore === undefined) return false;
    const at = { event, snapshotNid: event.stateBefore };
    const memberships = await this.#membershipsAt(serverName, [at]);
    return membershipsOf(at, serverName, memberships).includes('join');
  }

  /** C7: what is still sticky passes for who is in the room. */
  #takeSticky(events: readonly RoomEvent[], seen: Set<RoomEvent>): void {
    if (!this.#parts.stickyEnabled) return;
    const nowMs = this.#parts.clock.nowMs();
    for (const event of events) if ((stickyEndOf(event) ?? 0) > nowMs) seen.add(event);
  }

  /** State that was kept beside the graph is what others rest on; `/state` gives it to all who are in the room. */
  #takeOutliers(
    events: readonly RoomEvent[],
    { standing, seen }: { standing: ServerStanding; seen: Set<RoomEvent> },
  ): SeenAt[] {
    return events.flatMap((event) => {
      if (seen.has(event)) return [];
      if (event.stateBefore !== undefined) return [{ event, snapshotNid: event.stateBefore }];
      if (standing.isIn && event.pdu.stateKey !== undefined) seen.add(event);
      return [];
    });
  }

  async #takeByMembership(
    serverName: string,
    hidden: readonly SeenAt[],
    { visibilities, seen }: { visibilities: ReadonlyMap<number, HistoryVisibility>; seen: Set<RoomEvent> },
  ): Promise<void> {
    const memberships = await this.#membershipsAt(serverName, hidden);
    for (const one of hidden) {
      const sight = {
        visibilities: visibilitiesOf(one, visibilities),
        memberships: membershipsOf(one, serverName, memberships),
        joinedLater: false,
      };
      if (maySee(sight)) seen.add(one.event);
    }
  }

  async #membershipsAt(serverName: string, places: readonly SeenAt[]): Promise<Map<number, readonly Membership[]>> {
    const [first] = places;
    if (first === undefined) return new Map();
    const users = await this.#parts.usersOfServers.of(first.event.room, serverName);
    const snapshotNids = [...new Set(places.map(({ snapshotNid }) => snapshotNid))];
    return this.#parts.history.membershipsOf(
      snapshotNids,
      users.map(({ userId }) => userId),
    );
  }
}

/** For who left, only what stands before it left counts. */
function wasInAfter(standing: ServerStanding, { place }: RoomEvent): boolean {
  return standing.isIn || (place !== undefined && place.position < standing.leftAt.position);
}

function visibilitiesOf(
  { event, snapshotNid }: SeenAt,
  visibilities: ReadonlyMap<number, HistoryVisibility>,
): HistoryVisibility[] {
  const { type, stateKey } = event.pdu;
  const before = visibilities.get(snapshotNid) ?? 'shared';
  return type === 'm.room.history_visibility' && stateKey === '' ? [before, historyVisibilityOf(event.pdu)] : [before];
}

function membershipsOf(
  { event, snapshotNid }: SeenAt,
  serverName: string,
  memberships: ReadonlyMap<number, readonly Membership[]>,
): Membership[] {
  const { type, stateKey } = event.pdu;
  const before = memberships.get(snapshotNid) ?? [];
  const isOwn = type === 'm.room.member' && stateKey?.endsWith(`:${serverName}`) === true;
  return isOwn ? [...before, membershipOf(event.pdu)] : [...before];
}
