import { defineStatement } from '../statement.ts';

/** What is asked about events besides their own rows, to show them to clients. */

/**
 * What the slot of a state event held before it, where something was there. Found by its place, since the change of the
 * current state stands there; an event that only state resolution brought into the state has none.
 */
export const selectPreviousStates = defineStatement<
  { eventNids: readonly number[] },
  { event_nid: number; previous_nid: number }
>(
  `select change.event_nid, change.previous_nid
   from events join state_changes change on change.room_nid = events.room_nid and change.writer = events.writer
     and change.position = events.position and change.event_nid = events.event_nid
   where events.event_nid in (:...eventNids) and change.previous_nid is not null`,
);

/**
 * How these events, all of this user, came to be: by which requests, as far as it is remembered, or as which delayed
 * events. `coalesce` keeps SQLite from going through all requests of the user.
 */
export const selectOriginsOfEvents = defineStatement<
  { userId: string; eventNids: readonly number[] },
  { event_nid: number; device_id: string | null; transaction_id: string | null; delay_id: string | null }
>(
  `select event_nid, device_id, transaction_id, null as delay_id from transaction_ids
   where event_nid in (:...eventNids) and coalesce(user_id, '') = :userId
   union all
   select event_nid, null, null, delay_id from delay_ids_of_events where event_nid in (:...eventNids)`,
);

/** What some slots hold in some snapshots, oldest first: a later row of a slot takes the place of an earlier one. */
export const selectSlotsOfSnapshots = defineStatement<
  { snapshotNids: readonly number[]; slotNids: readonly number[] },
  { snapshot_nid: number; slot_nid: number; event_nid: number }
>(
  `with recursive path (asked_nid, snapshot_nid, ordinal, parent_nid) as (
     select snapshot_nid, snapshot_nid, ordinal, parent_nid from state_snapshots
     where snapshot_nid in (:...snapshotNids)
     union all
     select path.asked_nid, parent.snapshot_nid, parent.ordinal, parent.parent_nid
     from path join state_snapshots parent on parent.snapshot_nid = path.parent_nid)
   select path.asked_nid as snapshot_nid, entry.slot_nid, entry.event_nid
   from path join state_snapshot_entries entry on entry.snapshot_nid = path.snapshot_nid
   where entry.slot_nid in (:...slotNids) order by path.ordinal`,
);

/** The slots of one type with these state keys, as far as there are any. */
export const selectSlotsOfType = defineStatement<
  { type: string; stateKeys: readonly string[] },
  { slot_nid: number; state_key: string }
>("select slot_nid, state_key from state_slots where type = :type and state_key in (:...'stateKeys)");
