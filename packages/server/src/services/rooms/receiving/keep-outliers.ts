import type { Pdu } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import type { Verdict } from '@limpet/protocol/verdict';
import type { Timers } from '../../../platform/timers.ts';
import type { Storage } from '../../../storage/storage.ts';
import { breathe } from '../breathe.ts';
import type { EventStore } from '../event-store.ts';
import type { ReceivedEvent } from '../received-event.ts';
import type { RoomRecord } from '../room-event.ts';
import type { Slot, SlotTable } from '../slot-table.ts';
import { type AuthorizingEvent, checkOwnAuthEvents } from './check-own-auth-events.ts';
import { withSlots } from './with-slots.ts';
import { writeOutlier } from './write-outlier.ts';

/** Outliers checked and written in one batch, before everything else gets its turn. */
const EVENTS_PER_BATCH = 250;

export interface OutlierParts {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly slots: SlotTable;
  readonly timers: Timers;
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
    const isRejected = !check(pdu, known, room.version).allowed;
    known.set(pdu.eventId, { pdu, isRejected });
    toKeep.push({ received: one, isRejected });
  }
  for (let start = 0; start < toKeep.length; start += EVENTS_PER_BATCH) {
    if (start > 0) await breathe(parts.timers);
    const batch = toKeep.slice(start, start + EVENTS_PER_BATCH);
    await withSlots(batch, parts.slots, (slots) => writeBatch(room, { batch, slots }, parts));
  }
  return { leftOut };
}

async function readKnown(
  received: readonly ReceivedEvent[],
  events: EventStore,
): Promise<Map<string, AuthorizingEvent>> {
  const ids = new Set<string>();
  for (const { pdu } of received) {
    ids.add(pdu.eventId);
    for (const eventId of pdu.authEvents) ids.add(eventId);
    ids.add(`$${pdu.roomId.slice(1)}`);
  }
  const known = new Map<string, AuthorizingEvent>();
  const all = [...ids];
  for (let start = 0; start < all.length; start += EVENTS_PER_BATCH) {
    for (const [eventId, event] of await events.byIds(all.slice(start, start + EVENTS_PER_BATCH))) {
      known.set(eventId, event);
    }
  }
  return known;
}

/** Check 4. */
function check(pdu: Pdu, known: ReadonlyMap<string, AuthorizingEvent>, version: RoomVersion): Verdict {
  const create = version.roomIdIsCreateHash ? known.get(`$${pdu.roomId.slice(1)}`)?.pdu : undefined;
  return checkOwnAuthEvents(pdu, { version, create, find: (eventId) => known.get(eventId) });
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
      writeOutlier(transaction, room, received, { eventNid: transaction.allocate(), isRejected });
    }
  });
}
