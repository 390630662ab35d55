import type { StateChangeRow } from '../../../storage/queries/sync.ts';
import type { RoomEvent } from '../../rooms/room-event.ts';
import type { SyncSources } from '../sync-sources.ts';
import type { TimelineSection } from '../timeline-section.ts';
import type { ToldMembers } from '../told-members.ts';
import { lastOfEach, readState } from './required-state.ts';
import type { RoomReading } from './room-query.ts';

interface MembersQuery extends RoomReading {
  readonly timeline: TimelineSection | undefined;
  readonly changes: readonly StateChangeRow[];
  /** The state that is given anyway. */
  readonly given: readonly RoomEvent[];
}

/**
 * Members that are told as they are needed: who speaks in the timeline and whom it speaks of, as far as the client does
 * not know them, and whoever changed, unless there is a gap. Specification: MSC4186, "Lazy loaded memberships".
 */
export async function neededMembers(
  { query, room, range, slotFinder, timeline, changes, given, isInitial, isExpanded }: MembersQuery,
  members: ToldMembers,
  sources: SyncSources,
): Promise<readonly RoomEvent[]> {
  const hasGap = timeline?.isLimited === true && !isExpanded;
  // After a gap the client knows of nobody: it is not told who changed meanwhile.
  const isAnew = isInitial || hasGap;
  const told = new Set(given.flatMap(({ pdu }) => (pdu.type === 'm.room.member' ? [pdu.stateKey ?? ''] : [])));
  const changed = isAnew
    ? []
    : await lastOfEach(changes, ({ type, state_key }) => type === 'm.room.member' && !told.has(state_key), sources);
  for (const { pdu } of changed) told.add(pdu.stateKey ?? '');
  const wanted = new Set<string>();
  for (const { pdu } of timeline?.events ?? []) {
    wanted.add(pdu.sender);
    if (pdu.type === 'm.room.member' && pdu.stateKey !== undefined) wanted.add(pdu.stateKey);
  }
  const { membersKey } = query;
  const missing = [...wanted].filter(
    (userId) => !told.has(userId) && (isAnew || !members.has(membersKey, userId, query.range.since)),
  );
  const slots = missing.map((stateKey) => ({ type: 'm.room.member', stateKey }));
  const found = await readState({ room, range, slotFinder }, { rules: [], slots }, sources);
  members.tell(membersKey, [...told, ...missing], { range: query.range, isAnew });
  return [...changed, ...found];
}
