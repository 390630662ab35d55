import { MatrixError } from '@limpet/protocol/matrix-error';
import { contentOf } from '@limpet/protocol/pdu';
import type { EventSight } from './event-sight.ts';
import type { EventStore } from './event-store.ts';
import type { HistoricalState } from './historical-state.ts';
import { membershipOf } from './history-visibility.ts';
import { joinedRoom, joinedRooms } from './joined-rooms.ts';
import type { Membership, MembershipReader } from './membership-reader.ts';
import type { RoomAccess } from './room-access.ts';
import type { RoomEvent } from './room-event.ts';
import type { RoomStateReader } from './room-state.ts';
import type { TimelineReader } from './timeline.ts';

/** How many events back from a place the state there is looked for: more than are ever refused in a row. */
const MAX_EVENTS_TO_STATE = 20;

interface RoomStateViewsParts {
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
  readonly timeline: TimelineReader;
  readonly history: HistoricalState;
  readonly sight: EventSight;
}

export interface MembersQuery {
  /** A `room_index`: the members as they were after the event there. */
  readonly at: number | undefined;
  readonly membership: Membership | undefined;
  readonly notMembership: Membership | undefined;
}

/** A profile as `/joined_members` tells it. */
export interface JoinedMember {
  readonly display_name?: string;
  readonly avatar_url?: string;
}

/** A room's state as its members see it, or as it was when they left. Specification: client-server API, "Rooms". */
export class RoomStateViews {
  readonly #parts: RoomStateViewsParts;

  constructor(parts: RoomStateViewsParts) {
    this.#parts = parts;
  }

  async all({ room, parting }: RoomAccess): Promise<RoomEvent[]> {
    return parting === undefined ? this.#parts.state.currentAll(room) : this.#stateAfter(parting);
  }

  /** Throws M_NOT_FOUND where the slot is empty. */
  async slot({ room, parting }: RoomAccess, type: string, stateKey: string): Promise<RoomEvent> {
    const event =
      parting === undefined
        ? await this.#parts.state.current(room, type, stateKey)
        : await this.#slotAfter(parting, type, stateKey);
    if (event === undefined) throw new MatrixError('M_NOT_FOUND', 'The room has no state of this type and state key.');
    return event;
  }

  /** Member events. With both conditions, one of them has to hold. */
  async members(access: RoomAccess, { at, membership, notMembership }: MembersQuery): Promise<RoomEvent[]> {
    const members = at === undefined ? await this.#membersNow(access) : await this.#membersAt(access, at);
    if (membership === undefined && notMembership === undefined) return members;
    return members.filter(({ pdu }) => {
      const value = membershipOf(pdu);
      return value === membership || (notMembership !== undefined && value !== notMembership);
    });
  }

  /** By user ID. Throws M_FORBIDDEN unless this user is joined. */
  async joinedMembers(roomId: string, userId: string): Promise<ReadonlyMap<string, JoinedMember>> {
    const room = await joinedRoom(this.#parts, roomId, userId);
    const records = await this.#parts.memberships.ofRoom(room, 'join');
    const events = await this.#parts.events.byNids(records.map(({ eventNid }) => eventNid));
    return new Map(records.map((record) => [record.userId, profileOf(events.get(record.eventNid))]));
  }

  async joinedRooms(userId: string): Promise<string[]> {
    return (await joinedRooms(this.#parts, userId)).map(({ roomId }) => roomId);
  }

  async #membersNow(access: RoomAccess): Promise<RoomEvent[]> {
    const { room, parting } = access;
    if (parting === undefined) return this.#parts.state.currentOfTypes(room, ['m.room.member']);
    return membersAmong(await this.#stateAfter(parting));
  }

  /** A place that this user may not see is taken for where the user came in, or left. */
  async #membersAt(access: RoomAccess, at: number): Promise<RoomEvent[]> {
    const { parting, room, userId, joined } = access;
    const event = await this.#eventAt(access, Math.min(at, parting?.place?.roomIndex ?? at));
    if (event === undefined) return [];
    const [seen] = await this.#parts.sight.visibleTo(userId, room, [event]);
    if (seen !== undefined) return membersAmong(await this.#stateAfter(seen));
    if (joined?.joinedPosition === undefined) return this.#membersNow(access);
    const joinVector = new Map([[joined.writer, joined.joinedPosition]]);
    const joinIndex = await this.#parts.timeline.roomIndexAt(room, joinVector);
    const join = await this.#eventAt(access, Math.max(at, joinIndex));
    return join === undefined ? [] : membersAmong(await this.#stateAfter(join));
  }

  async #eventAt({ room }: RoomAccess, roomIndex: number): Promise<RoomEvent | undefined> {
    const page = await this.#parts.timeline.page({
      room,
      after: Number.MIN_SAFE_INTEGER,
      before: roomIndex + 1,
      limit: MAX_EVENTS_TO_STATE,
      direction: 'backwards',
      filter: undefined,
    });
    return page.events[0];
  }

  async #stateAfter(event: RoomEvent): Promise<RoomEvent[]> {
    const snapshot = await this.#parts.state.snapshotAfter(event);
    return [...(await this.#parts.events.byNids([...snapshot.values()])).values()];
  }

  async #slotAfter(event: RoomEvent, type: string, stateKey: string): Promise<RoomEvent | undefined> {
    if (event.pdu.type === type && event.pdu.stateKey === stateKey) return event;
    const snapshotNid = event.roomStateAfter ?? event.stateBefore;
    if (snapshotNid === undefined) return undefined;
    const nid = (await this.#parts.history.slotAt([snapshotNid], type, stateKey)).get(snapshotNid);
    return nid === undefined ? undefined : (await this.#parts.events.byNids([nid])).get(nid);
  }
}

function membersAmong(state: readonly RoomEvent[]): RoomEvent[] {
  return state.filter(({ pdu }) => pdu.type === 'm.room.member');
}

function profileOf(event: RoomEvent | undefined): JoinedMember {
  const displayName = contentOf(event?.pdu, 'displayname');
  const avatarUrl = contentOf(event?.pdu, 'avatar_url');
  return {
    ...(typeof displayName === 'string' ? { display_name: displayName } : {}),
    ...(typeof avatarUrl === 'string' ? { avatar_url: avatarUrl } : {}),
  };
}
