import { type StateChangeRow, selectStateChanges } from '../../storage/queries/sync.ts';
import type { SyncRange } from './sync-range.ts';
import type { SyncSources } from './sync-sources.ts';

/** The member events that came to be current in a room within the range, in order. */
export async function readMemberChanges(
  roomNid: number,
  range: SyncRange,
  sources: SyncSources,
): Promise<StateChangeRow[]> {
  const changes: StateChangeRow[] = [];
  for (const { writer, after, upTo } of range.ranges) {
    const rows = await sources.storage.read(selectStateChanges, { roomNid, writer, after, upTo });
    for (const row of rows) if (row.type === 'm.room.member') changes.push(row);
  }
  return changes;
}

/**
 * Was the user, who is in the room at the end of the range or left it within, there when it began? Then the client
 * knows the room as it was. The user's first member event within the range says what he was before.
 */
export async function wasJoinedBefore(
  changes: readonly StateChangeRow[],
  userId: string,
  sources: SyncSources,
): Promise<boolean> {
  const first = changes.find((change) => change.state_key === userId);
  if (first === undefined) return true;
  const nid = first.previous_nid ?? 0;
  return (await sources.events.byNids([nid])).get(nid)?.pdu.content.membership === 'join';
}
