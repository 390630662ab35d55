import { asRoomId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Timers } from '../../platform/timers.ts';
import { StorageFailure } from '../../storage/storage.ts';
import type { ReceivedEvent, Reception } from '../rooms/received-event.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { verifyReceived } from '../rooms/verify-received.ts';
import type { InboundParts, Refused } from './inbound-parts.ts';
import { KnownEvents } from './known-events.ts';
import type { Lane } from './lane.ts';
import { restsOn, splitReady } from './missing-events.ts';
import { namePdu } from './name-pdu.ts';
import { orderEvents } from './order-events.ts';
import type { EventToStage } from './staged-events.ts';
import type { TakenBackMemberships } from './taken-back-memberships.ts';

/** How long a server waits for its answer while a room is busy; then its events are staged, and the answer goes out. */
const MAX_RECEIVING_MS = 2_000;

export interface RoomIntakeParts extends InboundParts {
  readonly takenBack: TakenBackMemberships;
  /** There is something new in the lane. */
  readonly wake: (lane: Lane) => void;
  /** Whether most of what waits in the lane was tried in vain. */
  readonly isStuck: (lane: Lane) => boolean;
}

/** What became of the PDUs of one room: all that have a name. */
export interface Intake {
  readonly taken: readonly string[];
  readonly refused: readonly Refused[];
}

/**
 * Takes the PDUs of one room of one transaction. When the promise is kept, each is durable or refused (E1): received,
 * if all that it rests on is here and nothing of its lane waits, else staged, all of them together (E3).
 */
export class RoomIntake {
  readonly #parts: RoomIntakeParts;

  constructor(parts: RoomIntakeParts) {
    this.#parts = parts;
  }

  async take(lane: Lane, objects: readonly JsonObject[], receivedTs: number): Promise<Intake> {
    const { events, joining, localMembers, acls } = this.#parts;
    if (asRoomId(lane.roomId) === undefined) return refuseAll(objects, undefined, 'The PDU has no room_id.');
    // Before the look at the room: a join that ends meanwhile is seen there.
    const wasJoining = joining.has(lane.roomId);
    const room = await events.room(lane.roomId);
    if (room === undefined || !(await localMembers.areIn(room))) {
      return wasJoining || joining.has(lane.roomId)
        ? this.#stageUnseen(lane, { objects, receivedTs, room })
        : this.#takeOutside(room, objects, receivedTs);
    }
    const access = await acls.check(room, lane.origin);
    if (!access.allowed) return refuseAll(objects, room, access.reason);
    return this.#takeInto(room, lane, { objects, receivedTs });
  }

  async #takeOutside(
    room: RoomRecord | undefined,
    objects: readonly JsonObject[],
    receivedTs: number,
  ): Promise<Intake> {
    const taken = room === undefined ? [] : await this.#parts.takenBack.take(room, objects, receivedTs);
    const all = refuseAll(objects, room, 'No user of this server is in the room.');
    return { taken, refused: all.refused.filter(({ eventId }) => !taken.includes(eventId)) };
  }

  async #takeInto(
    room: RoomRecord,
    lane: Lane,
    { objects, receivedTs }: { objects: readonly JsonObject[]; receivedTs: number },
  ): Promise<Intake> {
    const { storage, keys } = this.#parts;
    const verified = await verifyReceived(objects, { version: room.version, keys, receivedTs });
    const refused: Refused[] = [];
    const byId = new Map<string, ReceivedEvent>();
    for (const [index, one] of verified.entries()) {
      const eventId = one.allowed ? one.event.pdu.eventId : namePdu(objects[index] ?? {}, room.version);
      if (one.allowed) byId.set(one.event.pdu.eventId, one.event);
      else if (eventId !== undefined) refused.push({ eventId, reason: one.reason });
    }
    const { ordered, circular } = orderEvents([...byId.values()].map(({ pdu }) => pdu));
    for (const { eventId } of circular) refused.push({ eventId, reason: 'The event rests on itself.' });
    const known = new KnownEvents(storage, room);
    await known.look(restsOn(ordered));
    const allowed = ordered.filter((pdu) => {
      const reason = faultOf(pdu, known);
      if (reason !== undefined) refused.push({ eventId: pdu.eventId, reason });
      return reason === undefined;
    });
    const isWhole = splitReady(allowed, known).waiting.length === 0;
    const received = allowed.flatMap(({ eventId }) => byId.get(eventId) ?? []);
    const rejected = await this.#receiveOrStage(lane, received, { room, isWhole });
    return intakeOf(received, [...refused, ...rejected]);
  }

  /** Those that were refused by the rules of the room. */
  async #receiveOrStage(
    lane: Lane,
    events: readonly ReceivedEvent[],
    { room, isWhole }: { room: RoomRecord; isWhole: boolean },
  ): Promise<readonly Refused[]> {
    const { staged, policy, noteRefusals, noteArrivals } = this.#parts;
    if (events.length === 0) return [];
    if (!isWhole || staged.count(lane) > 0 || (await policy.isToBeAsked(room, events))) {
      return this.#stage(lane, events.map(verifiedRow));
    }
    const receiving = this.#receive(lane, events);
    const receptions = await withinTime(receiving, this.#parts.platform.timers);
    if (receptions !== undefined) {
      const missing = events.filter((_event, index) => receptions[index]?.outcome === 'missing');
      const unstaged = missing.length === 0 ? [] : await this.#stage(lane, missing.map(verifiedRow));
      noteArrivals(events.filter((_event, index) => receptions[index]?.outcome !== 'missing').map(idOf));
      // Who is soft-failed may yet be shown (E7), so its server is told nothing.
      noteRefusals(lane, refusedOf(events, receptions, 'soft-failed'));
      return [...unstaged, ...refusedOf(events, receptions, 'rejected')];
    }
    // What is received after all comes out as known when the lane is processed.
    return this.#stage(lane, events.map(verifiedRow), { wakeAfter: receiving });
  }

  /** `undefined` when the room could not take them now: they are to be staged. */
  async #receive(lane: Lane, events: readonly ReceivedEvent[]): Promise<readonly Reception[] | undefined> {
    try {
      return await this.#parts.receiver.receive(lane.roomId, events);
    } catch (error) {
      const { log } = this.#parts.platform;
      if (error instanceof StorageFailure || error instanceof MatrixError) {
        log.warn('A room could not take events of another server now; trying again later', { ...lane, error });
      } else {
        log.error('Events of another server could not be received; trying again later', { ...lane, error });
      }
      return undefined;
    }
  }

  async #stage(
    lane: Lane,
    rows: readonly EventToStage[],
    { wakeAfter }: { wakeAfter?: Promise<unknown> } = {},
  ): Promise<readonly Refused[]> {
    const { staged, isStuck, wake } = this.#parts;
    if (staged.isLaneFull(lane) && isStuck(lane)) {
      return rows.map(({ eventId }) => ({
        eventId,
        reason: 'Too many events of this room wait for what they rest on.',
      }));
    }
    await staged.stage(lane, rows);
    if (wakeAfter === undefined) wake(lane);
    else wakeAfter.finally(() => wake(lane));
    return [];
  }

  /** E2: nothing can be said of them before the room is known. */
  async #stageUnseen(
    lane: Lane,
    { objects, receivedTs, room }: { objects: readonly JsonObject[]; receivedTs: number; room: RoomRecord | undefined },
  ): Promise<Intake> {
    const rows = objects.flatMap((object): EventToStage[] => {
      const eventId = namePdu(object, room?.version);
      return eventId === undefined ? [] : [{ eventId, receivedTs, isVerified: false, json: JSON.stringify(object) }];
    });
    const refused = await this.#stage(lane, rows);
    const refusedIds = new Set(refused.map(({ eventId }) => eventId));
    return { taken: rows.map(({ eventId }) => eventId).filter((eventId) => !refusedIds.has(eventId)), refused };
  }
}

function refuseAll(objects: readonly JsonObject[], room: RoomRecord | undefined, reason: string): Intake {
  const names = objects.flatMap((object) => namePdu(object, room?.version) ?? []);
  return { taken: [], refused: names.map((eventId) => ({ eventId, reason })) };
}

function idOf({ pdu }: ReceivedEvent): string {
  return pdu.eventId;
}

/** What no honest server sends, and nothing that could come later would mend. */
function faultOf(pdu: ReceivedEvent['pdu'], known: KnownEvents): string | undefined {
  if (pdu.prevEvents.length === 0) return 'Only the first event of a room has no prev_events.';
  const isForeign = [...pdu.prevEvents, ...pdu.authEvents].some((eventId) => known.isForeign(eventId));
  return isForeign ? 'The event rests on an event of another room.' : undefined;
}

function verifiedRow({ pdu, canonicalJson, receivedTs }: ReceivedEvent): EventToStage {
  return { eventId: pdu.eventId, receivedTs, isVerified: true, json: canonicalJson };
}

function intakeOf(received: readonly ReceivedEvent[], refused: readonly Refused[]): Intake {
  const refusedIds = new Set(refused.map(({ eventId }) => eventId));
  const taken = received.map(({ pdu }) => pdu.eventId).filter((eventId) => !refusedIds.has(eventId));
  return { taken, refused };
}

function refusedOf(
  events: readonly ReceivedEvent[],
  receptions: readonly Reception[],
  outcome: 'rejected' | 'soft-failed',
): Refused[] {
  return events.flatMap(({ pdu }, index) => {
    const reception = receptions[index];
    return reception?.outcome === outcome ? [{ eventId: pdu.eventId, reason: reception.reason }] : [];
  });
}

function withinTime<T>(work: Promise<T>, timers: Timers): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = timers.after(MAX_RECEIVING_MS, () => resolve(undefined));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
