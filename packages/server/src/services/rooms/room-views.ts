import type { JsonObject } from '@limpet/protocol/json';
import type { Clock } from '../../platform/clock.ts';
import { selectStrippedState } from '../../storage/queries/stripped-states.ts';
import type { Storage } from '../../storage/storage.ts';
import type { AccountDataReader } from '../accounts/account-data-reader.ts';
import { EventDetails } from './event-details.ts';
import type { EventSight } from './event-sight.ts';
import type { EventStore } from './event-store.ts';
import type { HistoricalState } from './historical-state.ts';
import { membershipOf } from './history-visibility.ts';
import type { MembershipReader, MembershipRecord } from './membership-reader.ts';
import type { PartingEvents } from './parting-events.ts';
import { createPresentEvent, type PresentEvent, type StickyPresentation } from './present-event.ts';
import { type Bundle, BundledAggregations } from './relations/bundled-aggregations.ts';
import type { RelatedRooms } from './relations/related-rooms.ts';
import { writeRelations } from './relations/write-relations.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';
import type { EventViewer, RoomReader } from './room-reader.ts';
import type { RoomStateReader } from './room-state.ts';
import { readStrippedState, STRIPPED_STATE_TYPES, stripEvent } from './strip-event.ts';

/** What rooms are seen through. */
export interface RoomViewsParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
  readonly history: HistoricalState;
  readonly sight: EventSight;
  readonly sticky: StickyPresentation;
  readonly partings: PartingEvents;
  readonly accountData: AccountDataReader;
  readonly relatedRooms: RelatedRooms;
}

/** Shows events of rooms to their viewers: whether they may see them, and what they look like. */
export class RoomViews implements RoomReader {
  readonly #parts: RoomViewsParts;
  readonly #details: EventDetails;
  readonly #presentEvent: PresentEvent;
  readonly #bundles: BundledAggregations;

  constructor(parts: RoomViewsParts) {
    this.#parts = parts;
    this.#details = new EventDetails(parts.storage, parts.events);
    this.#presentEvent = createPresentEvent(parts.sticky);
    this.#bundles = new BundledAggregations(parts);
  }

  visibleTo(userId: string, room: RoomRecord, events: readonly RoomEvent[]): Promise<RoomEvent[]> {
    return this.#parts.sight.visibleTo(userId, room, events);
  }

  async present(events: readonly RoomEvent[], viewer: EventViewer): Promise<string[]> {
    if (events.length === 0) return [];
    const bundles = await this.#bundles.of(parentsAmong(events, viewer), viewer.userId);
    if (bundles.size === 0) return (await this.#present(events, viewer)).map(textOf);
    const inner = await this.#presentBundled(bundles, viewer);
    return (await this.#present(events, viewer, (event) => writeRelations(bundles.get(event.nid), inner))).map(textOf);
  }

  /** The texts of the events that are given inside of others, by their nids; the innermost are made first. */
  async #presentBundled(bundles: ReadonlyMap<number, Bundle>, viewer: EventViewer): Promise<Map<number, string>> {
    const texts = new Map<number, string>();
    const inside = [...bundles.values()];
    const edits = inside.flatMap(({ edit }) => edit ?? []);
    const latest = inside.flatMap(({ thread }) => thread?.latest ?? []);
    const all = { ...viewer, withRoomId: true };
    for (const { event, text } of await this.#present(edits, all)) texts.set(event.nid, text);
    const ofLatest = await this.#present(latest, all, ({ nid }) => writeRelations(bundles.get(nid), texts));
    for (const { event, text } of ofLatest) texts.set(event.nid, text);
    return texts;
  }

  async #present(
    events: readonly RoomEvent[],
    viewer: EventViewer,
    relationsOf: (event: RoomEvent) => string | undefined = () => undefined,
  ): Promise<Presented[]> {
    if (events.length === 0) return [];
    const { userId, deviceId, withRoomId } = viewer;
    const [redactions, predecessors, ownDetails, records] = await Promise.all([
      this.#details.redactions(events),
      this.#predecessorsOf(events, userId),
      this.#details.ofOwn(events, { userId, deviceId }),
      this.#recordsOf(events, userId),
    ]);
    const nowMs = this.#parts.clock.nowMs();
    return events.map((event) => ({
      event,
      text: this.#presentEvent(event, {
        nowMs,
        withRoomId,
        own: ownDetails.get(event.nid),
        membership: this.#membershipAt(event, userId, records.get(event.room.nid)),
        redactedBecause: redactions.get(event.nid),
        previous: predecessors.get(event.nid),
        relations: relationsOf(event),
      }),
    }));
  }

  /** What the slots of these state events held before them: by the nid of the event, as the viewer sees it. */
  async #predecessorsOf(events: readonly RoomEvent[], userId: string): Promise<Map<number, RoomEvent>> {
    const found = await this.#details.predecessors(events);
    for (const [room, ofRoom] of Map.groupBy(found, ([, { room }]) => room)) {
      const previous = ofRoom.map(([, event]) => event);
      const shown = await this.#parts.sight.redactErased(userId, room, previous);
      for (const [index, [nid, event]] of ofRoom.entries()) found.set(nid, shown[index] ?? event);
    }
    return found;
  }

  async strippedState(room: RoomRecord, userId: string): Promise<string> {
    const { state, memberships } = this.#parts;
    const [member, record] = await Promise.all([
      state.current(room, 'm.room.member', userId),
      memberships.of(room, userId),
    ]);
    // What others made of the user's membership, in a room that this server is not in, is in no state of ours.
    const isFromElsewhere = record !== undefined && record.eventNid !== member?.nid;
    const shown = isFromElsewhere ? await this.#toldState(room, record) : await this.#ownState(room, userId, member);
    return JSON.stringify(shown);
  }

  async #ownState(room: RoomRecord, userId: string, member: RoomEvent | undefined): Promise<JsonObject[]> {
    const { state } = this.#parts;
    const events = await state.currentOfTypes(room, STRIPPED_STATE_TYPES);
    const shown = events.filter(({ pdu }) => pdu.stateKey === '');
    if (member !== undefined) {
      const { sender } = member.pdu;
      const inviter = sender === userId ? undefined : await state.current(room, 'm.room.member', sender);
      if (inviter !== undefined) shown.push(inviter);
      shown.push(member);
    }
    return shown.map((event) => stripEvent(event.pdu));
  }

  /** What the inviting server said of the room, and the member event itself. */
  async #toldState(room: RoomRecord, { userId, eventNid }: MembershipRecord): Promise<JsonObject[]> {
    const { storage, events } = this.#parts;
    const [row] = await storage.read(selectStrippedState, { roomNid: room.nid, userId });
    const member = (await events.byNids([eventNid])).get(eventNid);
    const told = row === undefined ? [] : readStrippedState(JSON.parse(row.json));
    const others = told.filter(({ type, state_key: key }) => type !== 'm.room.member' || key !== userId);
    return member === undefined ? others : [...others, stripEvent(member.pdu)];
  }

  async #recordsOf(events: readonly RoomEvent[], userId: string): Promise<Map<number, MembershipRecord>> {
    const rooms = new Map(events.map(({ room }) => [room.nid, room]));
    const records = await Promise.all([...rooms.values()].map((room) => this.#parts.memberships.of(room, userId)));
    return new Map(records.flatMap((record) => (record === undefined ? [] : [[record.roomNid, record] as const])));
  }

  /**
   * The viewer's membership at an event, changes by the event itself included (MSC4115), as far as it is known without
   * a read: the event's own, that of the present join, or what deciding about visibility has brought up.
   */
  #membershipAt({ pdu, place, stateBefore }: RoomEvent, userId: string, record?: MembershipRecord): string | undefined {
    if (pdu.type === 'm.room.member' && pdu.stateKey === userId) return membershipOf(pdu);
    if (place === undefined || stateBefore === undefined) return undefined;
    const joinedPosition = record?.membership === 'join' ? record.joinedPosition : undefined;
    if (record?.writer === place.writer && joinedPosition !== undefined && place.position >= joinedPosition)
      return 'join';
    return this.#parts.history.knownMembership(stateBefore, userId);
  }
}

interface Presented {
  readonly event: RoomEvent;
  readonly text: string;
}

function parentsAmong(events: readonly RoomEvent[], { withRelations = false }: EventViewer): readonly RoomEvent[] {
  if (typeof withRelations === 'function') return events.filter(withRelations);
  return withRelations ? events : [];
}

function textOf({ text }: Presented): string {
  return text;
}
