import type { Clock } from '../../platform/clock.ts';
import type { ErasedUsers } from './erased-users.ts';
import type { HistoricalState } from './historical-state.ts';
import { type HistoryVisibility, historyVisibilityOf, maySee, membershipOf } from './history-visibility.ts';
import type { Membership, MembershipReader, MembershipRecord } from './membership-reader.ts';
import type { PartingEvents } from './parting-events.ts';
import { redactedForm } from './redacted-form.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';
import { stickyEndOf } from './sticky-end.ts';

export interface EventSightParts {
  readonly memberships: MembershipReader;
  readonly history: HistoricalState;
  readonly partings: PartingEvents;
  readonly clock: Clock;
  readonly erased: ErasedUsers;
  /** A6: with the feature off a sticky event is seen like any other. */
  readonly stickyEnabled: boolean;
}

/** An event in a timeline, with the snapshot before it. */
interface SeenAt {
  readonly event: RoomEvent;
  readonly snapshotNid: number;
}

/**
 * Decides which events a user may see (`history-visibility.ts` has the rule), with as few reads as the rule allows:
 * none for what the user's being joined decides alone, one for the visibility at all events, one for the memberships.
 */
export class EventSight {
  readonly #parts: EventSightParts;

  constructor(parts: EventSightParts) {
    this.#parts = parts;
  }

  async visibleTo(userId: string, room: RoomRecord, events: readonly RoomEvent[]): Promise<RoomEvent[]> {
    const places = events.flatMap(seenAt);
    const record = await this.#recordOf(userId, room);
    const seen = new Set<RoomEvent>();
    const isJoined = record?.membership === 'join';
    let open = places;
    if (isJoined) open = this.#takeSticky(open, seen);
    if (open.length > 0) {
      const visibilities = await this.#visibilitiesAt(open);
      open = open.filter(({ event, snapshotNid }) => {
        const here = visibilitiesOf(event, visibilities.get(snapshotNid));
        // Rule 1, and rule 3 for who is joined now: that is after every event.
        const isSeen = here.includes('world_readable') || (isJoined && here.includes('shared'));
        if (isSeen) seen.add(event);
        return !isSeen;
      });
      if (open.length > 0 && record !== undefined) await this.#takeByMembership(open, record, { visibilities, seen });
    }
    const shown = events.filter((event) => seen.has(event));
    return this.#withoutErased(userId, shown, record);
  }

  /**
   * Events of a room that the user may see as far as history visibility goes, with what erased users said redacted
   * where it has to be. Costs nothing where there is nothing of theirs.
   */
  async redactErased(userId: string, room: RoomRecord, events: readonly RoomEvent[]): Promise<readonly RoomEvent[]> {
    const { erased } = this.#parts;
    if (events.every(({ pdu }) => erased.erasedAt(pdu.sender) === undefined)) return events;
    return this.#withoutErased(userId, [...events], await this.#recordOf(userId, room));
  }

  async #recordOf(userId: string, room: RoomRecord): Promise<MembershipRecord | undefined> {
    const found = await this.#parts.memberships.of(room, userId);
    // Who forgot a room is to it like anybody else.
    return found?.isForgotten === true ? undefined : found;
  }

  /**
   * What erased users said is as if it were redacted to whoever was not in the room when it was said, and came into it
   * after the erasure. Who could see it before goes on to.
   */
  async #withoutErased(userId: string, shown: RoomEvent[], record: MembershipRecord | undefined): Promise<RoomEvent[]> {
    const { erased, history } = this.#parts;
    const joinedAt = record?.membership === 'join' ? (record.joinedPosition ?? record.position) : undefined;
    const hidden = shown.filter(({ pdu }) => {
      const erasedAt = erased.erasedAt(pdu.sender);
      return erasedAt !== undefined && (joinedAt === undefined || joinedAt > erasedAt);
    });
    if (hidden.length === 0) return shown;
    const snapshots = hidden.map(({ stateBefore = 0 }) => stateBefore);
    const memberships = await history.memberships(snapshots, userId);
    const wasThere = ({ stateBefore = 0 }: RoomEvent) => memberships.get(stateBefore) === 'join';
    const redacted = new Set(hidden.filter((event) => !wasThere(event)));
    return shown.map((event) => (redacted.has(event) ? redactedForm(event) : event));
  }

  /** C7: what is still sticky passes for who is joined. */
  #takeSticky(open: readonly SeenAt[], seen: Set<RoomEvent>): SeenAt[] {
    if (!this.#parts.stickyEnabled) return [...open];
    const nowMs = this.#parts.clock.nowMs();
    return open.filter(({ event }) => {
      const isSticky = (stickyEndOf(event) ?? 0) > nowMs;
      if (isSticky) seen.add(event);
      return !isSticky;
    });
  }

  #visibilitiesAt(open: readonly SeenAt[]): Promise<Map<number, HistoryVisibility>> {
    return this.#parts.history.visibilities(open.map(({ snapshotNid }) => snapshotNid));
  }

  async #takeByMembership(
    open: readonly SeenAt[],
    record: MembershipRecord,
    { visibilities, seen }: { visibilities: ReadonlyMap<number, HistoryVisibility>; seen: Set<RoomEvent> },
  ): Promise<void> {
    const { userId } = record;
    const memberships = await this.#parts.history.memberships(
      open.map(({ snapshotNid }) => snapshotNid),
      userId,
    );
    // For who is joined now, `shared` was decided before.
    const parting = record.membership === 'join' ? undefined : await this.#parts.partings.of(record);
    for (const { event, snapshotNid } of open) {
      const sight = {
        visibilities: visibilitiesOf(event, visibilities.get(snapshotNid)),
        memberships: membershipsOf(event, userId, memberships.get(snapshotNid)),
        joinedLater: parting !== undefined && isBefore(event, parting),
      };
      if (maySee(sight)) seen.add(event);
    }
  }
}

function isBefore(event: RoomEvent, other: RoomEvent): boolean {
  return event.place !== undefined && other.place !== undefined && event.place.roomIndex < other.place.roomIndex;
}

/** Outliers and refused events are seen by nobody. */
function seenAt(event: RoomEvent): SeenAt[] {
  const { stateBefore, place, isRejected, isSoftFailed } = event;
  if (stateBefore === undefined || place === undefined || isRejected || isSoftFailed) return [];
  return [{ event, snapshotNid: stateBefore }];
}

function visibilitiesOf(event: RoomEvent, before: HistoryVisibility = 'shared'): HistoryVisibility[] {
  const { type, stateKey } = event.pdu;
  return type === 'm.room.history_visibility' && stateKey === '' ? [before, historyVisibilityOf(event.pdu)] : [before];
}

function membershipsOf(event: RoomEvent, userId: string, before: Membership = 'leave'): Membership[] {
  const { type, stateKey } = event.pdu;
  return type === 'm.room.member' && stateKey === userId ? [before, membershipOf(event.pdu)] : [before];
}
