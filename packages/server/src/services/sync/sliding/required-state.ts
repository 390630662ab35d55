import { selectSlotsOfRooms } from '../../../storage/queries/sliding-sync.ts';
import { type StateChangeRow, selectStateChanges } from '../../../storage/queries/sync.ts';
import { inTurns } from '../../rooms/breathe.ts';
import type { RoomEvent, RoomRecord } from '../../rooms/room-event.ts';
import { isBeyond, type SyncRange } from '../sync-range.ts';
import type { SyncSources } from '../sync-sources.ts';
import type { SlotFinder } from './slot-finder.ts';
import type { StateElement, StateRule } from './state-rule.ts';

/** A room as it is at the end of a range. */
interface RoomThen {
  readonly room: RoomRecord;
  readonly range: SyncRange;
}

interface RoomWithSlots extends RoomThen {
  readonly slotFinder: SlotFinder;
}

/** What some rules ask for, and some slots beside it, of the current state of a room at the end of the range. */
export async function readState(
  { room, range, slotFinder }: RoomWithSlots,
  { rules, slots }: { rules: readonly StateRule[]; slots: readonly StateElement[] },
  sources: SyncSources,
): Promise<RoomEvent[]> {
  const found = new Map<number, RoomEvent>();
  const add = (events: readonly RoomEvent[]) => {
    for (const event of events) found.set(event.nid, event);
  };
  if (rules.some(({ reach }) => reach.isEverything)) {
    add(await sources.state.currentAll(room));
  } else {
    const types = new Set(rules.flatMap(({ reach }) => reach.types));
    if (types.size > 0) add(await sources.state.currentOfTypes(room, [...types]));
    const wanted = [...rules.flatMap(({ reach }) => reach.slots), ...slots];
    add(await readSlots(room, await slotFinder.nidsOf(wanted), sources));
  }
  return asOf({ room, range }, [...found.values()], sources);
}

async function readSlots(
  room: RoomRecord,
  slotNids: readonly number[],
  sources: SyncSources,
): Promise<readonly RoomEvent[]> {
  if (slotNids.length === 0) return [];
  const rows = await sources.storage.read(selectSlotsOfRooms, { roomNids: [room.nid], slotNids });
  const nids = rows.map((row) => row.event_nid);
  return readEvents(nids, sources);
}

/** What was committed and lies beyond the answer gives way to what stood there before. */
async function asOf({ room, range }: RoomThen, events: readonly RoomEvent[], sources: SyncSources) {
  const now: RoomEvent[] = [];
  const before: number[] = [];
  for (const event of events) {
    const { place } = event;
    if (place === undefined || !isBeyond(range, place)) {
      now.push(event);
      continue;
    }
    const { writer, position } = place;
    const stretch = { roomNid: room.nid, writer, after: range.upTo.get(writer) ?? 0, upTo: position };
    const changes = await sources.storage.read(selectStateChanges, stretch);
    const { type, stateKey } = event.pdu;
    const first = changes.find((change) => change.type === type && change.state_key === stateKey);
    if (typeof first?.previous_nid === 'number') before.push(first.previous_nid);
  }
  return before.length === 0 ? now : [...now, ...(await readEvents(before, sources))];
}

/** What changed in the current state of a room within a range, in order. */
export async function readStateChanges({ room, range }: RoomThen, sources: SyncSources): Promise<StateChangeRow[]> {
  const rows: StateChangeRow[] = [];
  for (const { writer, after, upTo } of range.ranges) {
    rows.push(...(await sources.storage.read(selectStateChanges, { roomNid: room.nid, writer, after, upTo })));
  }
  return rows;
}

/** The last event of each slot that changed and passes; a slot that became empty is left out. */
export async function lastOfEach(
  changes: readonly StateChangeRow[],
  passes: (change: StateChangeRow) => boolean,
  sources: SyncSources,
): Promise<readonly RoomEvent[]> {
  const last = new Map<number, number>();
  for (const change of changes) {
    if (!passes(change)) continue;
    if (change.event_nid === null) last.delete(change.slot_nid);
    else last.set(change.slot_nid, change.event_nid);
  }
  return readEvents([...last.values()], sources);
}

/** In the order of the numbers; what is not there is left out. */
export function readEvents(nids: readonly number[], sources: SyncSources): Promise<readonly RoomEvent[]> {
  return inTurns(sources.platform.timers, nids, async (part) => {
    const found = await sources.events.byNids(part);
    return part.flatMap((nid) => found.get(nid) ?? []);
  });
}
