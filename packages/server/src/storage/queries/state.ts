import { defineStatement } from '../statement.ts';

/** Slots, snapshots and current state; how they hang together is told in the first migration. */

export interface SlotRow {
  slot_nid: number;
  type: string;
  state_key: string;
}

export const selectSlot = defineStatement<{ type: string; stateKey: string }, { slot_nid: number }>(
  'select slot_nid from state_slots where type = :type and state_key = :stateKey',
);

export const selectSlotsByNid = defineStatement<{ slotNids: readonly number[] }, SlotRow>(
  'select slot_nid, type, state_key from state_slots where slot_nid in (:...slotNids)',
);

/** Changes a row unless the slot is there under another nid: to be run with `expect`. */
export const upsertSlot = defineStatement<{ slotNid: number; type: string; stateKey: string }>(
  `insert into state_slots (slot_nid, type, state_key) values (:slotNid, :type, :stateKey)
   on conflict (type, state_key) do update set slot_nid = excluded.slot_nid
   where state_slots.slot_nid = excluded.slot_nid`,
);

export const insertSnapshot = defineStatement<{
  snapshotNid: number;
  roomNid: number;
  ordinal: number;
  parentNid: number | null;
}>(
  `insert into state_snapshots (snapshot_nid, room_nid, ordinal, parent_nid)
   values (:snapshotNid, :roomNid, :ordinal, :parentNid)`,
);

export const insertSnapshotEntry = defineStatement<{ snapshotNid: number; slotNid: number; eventNid: number }>(
  `insert into state_snapshot_entries (snapshot_nid, slot_nid, event_nid)
   values (:snapshotNid, :slotNid, :eventNid)`,
);

const PATH = `with recursive path (snapshot_nid, ordinal, parent_nid) as (
    select snapshot_nid, ordinal, parent_nid from state_snapshots where snapshot_nid = :snapshotNid
    union all
    select parent.snapshot_nid, parent.ordinal, parent.parent_nid
    from path join state_snapshots parent on parent.snapshot_nid = path.parent_nid)`;

/** The snapshots that one rests on, the root first, it itself last. */
export const selectSnapshotPath = defineStatement<{ snapshotNid: number }, { snapshot_nid: number; ordinal: number }>(
  `${PATH} select snapshot_nid, ordinal from path order by ordinal`,
);

/** All entries on the path of a snapshot, the root's first: a later row of a slot takes the place of an earlier one. */
export const selectSnapshotState = defineStatement<{ snapshotNid: number }, { slot_nid: number; event_nid: number }>(
  `${PATH} select entry.slot_nid, entry.event_nid
   from path join state_snapshot_entries entry on entry.snapshot_nid = path.snapshot_nid order by path.ordinal`,
);

/** The entries that these snapshots have of their own. */
export const selectSnapshotEntries = defineStatement<
  { snapshotNids: readonly number[] },
  { snapshot_nid: number; slot_nid: number; event_nid: number }
>(`select snapshot_nid, slot_nid, event_nid from state_snapshot_entries where snapshot_nid in (:...snapshotNids)`);

export interface CurrentStateRow {
  slot_nid: number;
  event_nid: number;
}

/** Found in the index first, which SQLite leaves aside where it has to read rows for it. */
const IS_NO_MEMBER = `slot_nid in (
  select few.slot_nid from current_state few where few.room_nid = :roomNid and few.is_member = 0)`;

export const selectCurrentState = defineStatement<{ roomNid: number }, CurrentStateRow>(
  'select slot_nid, event_nid from current_state where room_nid = :roomNid',
);

export const selectCurrentStateExceptMembers = defineStatement<{ roomNid: number }, CurrentStateRow>(
  `select slot_nid, event_nid from current_state where room_nid = :roomNid and ${IS_NO_MEMBER}`,
);

export const selectCurrentMembers = defineStatement<{ roomNid: number }, CurrentStateRow>(
  'select slot_nid, event_nid from current_state where room_nid = :roomNid and is_member = 1',
);

/** Without members, whatever the types. */
export const selectCurrentStateOfTypes = defineStatement<
  { roomNid: number; types: readonly string[] },
  CurrentStateRow
>(
  `select current_state.slot_nid, current_state.event_nid
   from current_state join state_slots on state_slots.slot_nid = current_state.slot_nid
   where current_state.room_nid = :roomNid and current_state.${IS_NO_MEMBER} and state_slots.type in (:...'types)`,
);

export const selectCurrentSlot = defineStatement<
  { roomNid: number; type: string; stateKey: string },
  { event_nid: number }
>(
  `select event_nid from current_state where room_nid = :roomNid and slot_nid =
   (select slot_nid from state_slots where type = :type and state_key = :stateKey)`,
);

/** `isMember` says whether the slot is of `m.room.member`. */
export const upsertCurrentState = defineStatement<{
  roomNid: number;
  slotNid: number;
  eventNid: number;
  isMember: number;
  writer: number;
  position: number;
}>(
  `insert into current_state (room_nid, slot_nid, event_nid, is_member, writer, position)
   values (:roomNid, :slotNid, :eventNid, :isMember, :writer, :position)
   on conflict (room_nid, slot_nid) do update set
     event_nid = excluded.event_nid, writer = excluded.writer, position = excluded.position`,
);

export const deleteCurrentState = defineStatement<{ roomNid: number; slotNid: number }>(
  'delete from current_state where room_nid = :roomNid and slot_nid = :slotNid',
);

export const insertStateChange = defineStatement<{
  roomNid: number;
  writer: number;
  position: number;
  slotNid: number;
  eventNid: number | null;
  previousNid: number | null;
}>(
  `insert into state_changes (room_nid, writer, position, slot_nid, event_nid, previous_nid)
   values (:roomNid, :writer, :position, :slotNid, :eventNid, :previousNid)`,
);

export const deleteCurrentStateOfRoom = defineStatement<{ roomNid: number }>(
  'delete from current_state where room_nid = :roomNid',
);
