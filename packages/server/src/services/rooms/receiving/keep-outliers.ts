import { authorizeEvent } from '@limpet/protocol/authorization/authorize-event';
import { authEventState, checkAuthEvents } from '@limpet/protocol/authorization/check-auth-events';
import type { Pdu } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import type { Verdict } from '@limpet/protocol/verdict';
import type { Timers } from '../../../platform/timers.ts';
import { insertOutlier } from '../../../storage/queries/event-graph.ts';
import type { Storage } from '../../../storage/storage.ts';
import { hasUrl } from '../event-filter-matches.ts';
import type { EventStore } from '../event-store.ts';
import type { ReceivedEvent } from '../received-event.ts';
import type { RoomRecord } from '../room-event.ts';
import type { Slot, SlotTable } from '../slot-table.ts';
import { withSlots } from './with-slots.ts';

/** Outliers checked and written in one batch, before everything else gets its turn. */
const EVENTS_PER_BATCH = 250;

export interface OutlierParts {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly slots: SlotTable;
  readonly timers: Timers;
}

/** An event that authorizes others, as far as the check of those looks at it. */
interface Known {
  readonly pdu: Pdu;
  readonly isRejected: boolean;
}

/** See `RoomReceiver.keepOutliers`. */
export async function keepOutliers(
  room: RoomRecord,
  received: readonly ReceivedEvent[],
  parts: OutlierParts,
): Promise<{ leftOut: string[] }> {
  const known = await readKnown(received, parts.events);
  const leftOut: string[] = [];
  const toKeep: { received: ReceivedEvent; isRejected: boolean }[] = [];
  for (const one of sortedByAuthorization(received, room.version)) {
    const { pdu } = one;
    if (known.has(pdu.eventId)) continue;
    const isOfRoom = pdu.roomId === room.roomId;
    if (!isOfRoom || !namedBy(pdu, room.version).every((eventId) => known.has(eventId))) {
      leftOut.push(pdu.eventId);
      continue;
    }
    const isRejected = !checkByAuthEvents(pdu, known, room.version).allowed;
    known.set(pdu.eventId, { pdu, isRejected });
    toKeep.push({ received: one, isRejected });
  }
  for (let start = 0; start < toKeep.length; start += EVENTS_PER_BATCH) {
    if (start > 0) await new Promise<void>((resolve) => parts.timers.after(0, resolve));
    const batch = toKeep.slice(start, start + EVENTS_PER_BATCH);
    await withSlots(batch, parts.slots, (slots) => writeBatch(room, { batch, slots }, parts));
  }
  return { leftOut };
}

async function readKnown(received: readonly ReceivedEvent[], events: EventStore): Promise<Map<string, Known>> {
  const ids = new Set<string>();
  for (const { pdu } of received) {
    ids.add(pdu.eventId);
    for (const eventId of pdu.authEvents) ids.add(eventId);
    ids.add(`$${pdu.roomId.slice(1)}`);
  }
  const known = new Map<string, Known>();
  const all = [...ids];
  for (let start = 0; start < all.length; start += EVENTS_PER_BATCH) {
    for (const [eventId, event] of await events.byIds(all.slice(start, start + EVENTS_PER_BATCH))) {
      known.set(eventId, event);
    }
  }
  return known;
}

/** Check 4. */
function checkByAuthEvents(pdu: Pdu, known: ReadonlyMap<string, Known>, version: RoomVersion): Verdict {
  const authEvents = [...new Set(pdu.authEvents)].flatMap((eventId) => known.get(eventId) ?? []);
  const pdus = authEvents.map((event) => event.pdu);
  const rejected = new Set(authEvents.flatMap((event) => (event.isRejected ? [event.pdu.eventId] : [])));
  const verdict = checkAuthEvents(pdu, pdus, version, rejected);
  if (!verdict.allowed) return verdict;
  const create = version.roomIdIsCreateHash ? known.get(`$${pdu.roomId.slice(1)}`) : undefined;
  return authorizeEvent(pdu, authEventState(pdus, create?.pdu), version);
}

/** What authorizes comes before what it authorizes; events in a circle are left where they are, and lack something. */
function sortedByAuthorization(received: readonly ReceivedEvent[], version: RoomVersion): ReceivedEvent[] {
  const byId = new Map(received.map((one) => [one.pdu.eventId, one]));
  const sorted: ReceivedEvent[] = [];
  const seen = new Set<string>();
  for (const root of byId.values()) {
    const stack = [{ one: root, isLeft: false }];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const { one, isLeft } = top;
      if (isLeft) {
        sorted.push(one);
        continue;
      }
      if (seen.has(one.pdu.eventId)) continue;
      seen.add(one.pdu.eventId);
      stack.push({ one, isLeft: true });
      for (const eventId of namedBy(one.pdu, version)) {
        const next = byId.get(eventId);
        if (next !== undefined && !seen.has(eventId)) stack.push({ one: next, isLeft: false });
      }
    }
  }
  return sorted;
}

/** Where the room ID is the hash of the create event, nobody names that one, and all rest on it. */
function namedBy({ authEvents, roomId, type }: Pdu, version: RoomVersion): readonly string[] {
  if (!version.roomIdIsCreateHash || type === 'm.room.create') return authEvents;
  return [...authEvents, `$${roomId.slice(1)}`];
}

interface ToKeep {
  readonly received: ReceivedEvent;
  readonly isRejected: boolean;
}

async function writeBatch(
  room: RoomRecord,
  { batch, slots: needed }: { batch: readonly ToKeep[]; slots: readonly Slot[] },
  { storage, slots }: OutlierParts,
): Promise<void> {
  await storage.write((transaction) => {
    for (const slot of needed) slots.intern(transaction, slot);
    for (const { received, isRejected } of batch) {
      const { pdu, canonicalJson, receivedTs } = received;
      transaction.run(insertOutlier, {
        eventNid: transaction.allocate(),
        eventId: pdu.eventId,
        roomNid: room.nid,
        type: pdu.type,
        stateKey: pdu.stateKey ?? null,
        sender: pdu.sender,
        depth: Math.min(pdu.depth, Number.MAX_SAFE_INTEGER),
        originServerTs: pdu.originServerTs,
        receivedTs,
        isRejected: Number(isRejected),
        hasUrl: Number(hasUrl(pdu)),
        json: canonicalJson,
      });
    }
  });
}
