import { type StateChangeRow, selectStateChanges } from '../../storage/queries/sync.ts';
import { includesRoom } from '../accounts/filter.ts';
import { inTurns } from '../rooms/breathe.ts';
import { eventFilterMatches } from '../rooms/event-filter-matches.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import type { LazyMembers } from './lazy-members.ts';
import { eventFilterOf } from './section-filter.ts';
import type { StateQuery } from './state-query.ts';
import type { SyncSources } from './sync-sources.ts';

/**
 * The `state` section, that is the state at the start of the timeline as far as the client does not know it, or with
 * MSC4222 the `state_after` section: the state at its end. Specification: client-server API, "Syncing".
 */
export async function readStateSection(
  query: StateQuery,
  sources: SyncSources,
  lazy: LazyMembers,
): Promise<RoomEvent[]> {
  const { request } = query;
  const settings = request.filter.room.state;
  if (!includesRoom(settings, query.room.roomId)) return [];
  const events = query.isWhole ? await wholeState(query, sources) : await changedState(query, sources);
  if (settings.lazyLoadMembers) events.push(...(await lazy.membersFor(query, events, sources)));
  return events.filter((event) => eventFilterMatches(settings, event.pdu));
}

/**
 * Every slot at the start of the timeline (or at its end, with MSC4222). What changed within the stretch and was taken
 * from the timeline by its filter is given as it is at the end: the client sees it nowhere else.
 */
async function wholeState(query: StateQuery, sources: SyncSources): Promise<RoomEvent[]> {
  const { request, timeline, last } = query;
  if (last === undefined) return [];
  const atEnd = await sources.state.snapshotAfter(last);
  const inTimeline = new Set(request.stateAfterName !== undefined ? [] : timeline.map((event) => event.nid));
  const first = timeline[0];
  const atStart = first === undefined ? atEnd : await sources.state.snapshotAt(first);
  const wanted: number[] = [];
  const slotNids = [...atEnd.keys()];
  for (const slotNid of request.filter.room.state.lazyLoadMembers ? await notOfMembers(slotNids, sources) : slotNids) {
    const eventNid = atEnd.get(slotNid) ?? 0;
    const told = inTimeline.has(eventNid) ? atStart.get(slotNid) : eventNid;
    if (told !== undefined && !inTimeline.has(told)) wanted.push(told);
  }
  return [...(await readEvents(wanted, sources))];
}

/** Those of these slots that are nobody's member event. */
function notOfMembers(slotNids: readonly number[], sources: SyncSources): Promise<readonly number[]> {
  return inTurns(sources.platform.timers, slotNids, async (part) => {
    const slots = await sources.state.slots(part);
    return part.filter((slotNid) => slots.get(slotNid)?.type !== 'm.room.member');
  });
}

/** In the order of the numbers. */
function readEvents(nids: readonly number[], sources: SyncSources): Promise<readonly RoomEvent[]> {
  return inTurns(sources.platform.timers, nids, async (part) => {
    const found = await sources.events.byNids(part);
    return part.flatMap((nid) => found.get(nid) ?? []);
  });
}

/** State that changed since the client's token and does not stand in the timeline it gets. */
async function changedState(query: StateQuery, sources: SyncSources): Promise<RoomEvent[]> {
  const { request, timeline, isLimited, mayHaveChanged, mayBeResolved } = query;
  const isFiltered = eventFilterOf(request.filter.room.timeline) !== undefined;
  const isPartial = isLimited || isFiltered || mayBeResolved;
  if (!mayHaveChanged || !(isPartial || request.stateAfterName !== undefined)) return [];
  const wanted =
    request.stateAfterName !== undefined
      ? [...latestOfEach(await readChanges(query, sources)).values()]
      : missingFromTimeline(await readChanges(query, sources), timeline);
  return [...(await readEvents(wanted, sources))];
}

async function readChanges({ room, range }: StateQuery, sources: SyncSources): Promise<StateChangeRow[]> {
  const rows: StateChangeRow[] = [];
  for (const { writer, after, upTo } of range.ranges) {
    rows.push(...(await sources.storage.read(selectStateChanges, { roomNid: room.nid, writer, after, upTo })));
  }
  return rows;
}

/** By slot. */
function latestOfEach(changes: readonly StateChangeRow[]): Map<number, number> {
  const latest = new Map<number, number>();
  for (const { slot_nid, event_nid } of changes) {
    if (event_nid === null) latest.delete(slot_nid);
    else latest.set(slot_nid, event_nid);
  }
  return latest;
}

/** For each slot the value at the start of the timeline, or its last one where the timeline does not show the slot. */
function missingFromTimeline(changes: readonly StateChangeRow[], timeline: readonly RoomEvent[]): number[] {
  const inTimeline = new Set(timeline.map((event) => event.nid));
  const startsAt = timeline[0]?.place?.position ?? Number.POSITIVE_INFINITY;
  const atStart = latestOfEach(changes.filter((change) => change.position < startsAt));
  const atEnd = latestOfEach(changes);
  for (const { slot_nid, event_nid } of changes) {
    if (event_nid === null || !inTimeline.has(event_nid)) continue;
    const before = atStart.get(slot_nid);
    if (before === undefined) atEnd.delete(slot_nid);
    else atEnd.set(slot_nid, before);
  }
  return [...atEnd.values()];
}
