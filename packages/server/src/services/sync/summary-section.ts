import { selectHeroes } from '../../storage/queries/sync.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import type { SyncSources } from './sync-sources.ts';

/** Members that a room without a name is named after. See "Calculating the display name". */
const MAX_HEROES = 5;

export interface SummarySection {
  /** As JSON. */
  readonly text: string;
  /** Users whom the room is named after; none where it has a name of its own. */
  readonly heroes: readonly string[];
}

/** The `summary` of a room: counts, and heroes where the room has no name of its own. */
export async function readSummary(room: RoomRecord, userId: string, sources: SyncSources): Promise<SummarySection> {
  const counts = await sources.memberships.counts(room);
  const isNamed = await hasName(room, sources);
  const heroes = isNamed ? [] : await readHeroes(room, userId, sources);
  const summary = {
    'm.joined_member_count': counts.joined,
    'm.invited_member_count': counts.invited,
    ...(isNamed ? {} : { 'm.heroes': heroes }),
  };
  return { text: JSON.stringify(summary), heroes };
}

async function hasName(room: RoomRecord, sources: SyncSources): Promise<boolean> {
  const name = (await sources.state.current(room, 'm.room.name', ''))?.pdu.content.name;
  if (typeof name === 'string' && name !== '') return true;
  const alias = (await sources.state.current(room, 'm.room.canonical_alias', ''))?.pdu.content.alias;
  return typeof alias === 'string' && alias !== '';
}

/** Who is there or invited; if nobody else is, who was. */
export async function readHeroes(room: RoomRecord, userId: string, sources: SyncSources): Promise<string[]> {
  for (const [membership, otherMembership] of [
    ['join', 'invite'],
    ['leave', 'ban'],
  ] as const) {
    const rows = await sources.storage.read(selectHeroes, {
      roomNid: room.nid,
      userId,
      membership,
      otherMembership,
      limit: MAX_HEROES,
    });
    if (rows.length > 0) return rows.map((row) => row.user_id);
  }
  return [];
}
