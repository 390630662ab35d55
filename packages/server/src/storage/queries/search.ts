import { definePlannedAnew, defineStatement } from '../statement.ts';

/** Full-text search. The words in braces are in `storage-adapter.ts`. */

/** The words of an event, unless it was redacted meanwhile. What stood there before has to be deleted first. */
export const insertSearchText = defineStatement<{ eventNid: number; words: string }>(
  `insert into search_texts ({searchKey}, words)
   select event_nid, :words{asSearchText} from events where event_nid = :eventNid and redacted_by is null`,
);

export const deleteSearchText = defineStatement<{ eventNid: number }>(
  'delete from search_texts where {searchKey} = :eventNid',
);

/**
 * The events that a query finds, by their numbers, the last first. What is common is found soonest by going through the
 * events, what is rare by the index of words; PostgreSQL has to see the words to know.
 */
export const selectFoundEvents = definePlannedAnew<
  { query: string; before: number; limit: number },
  { event_nid: number }
>(
  `select {searchKey} as event_nid from search_texts
   where words {matches} :query{asSearchQuery} and {searchKey} < :before order by {searchKey} desc limit :limit`,
);

/** An event that the walk through all events has passed, or may have passed, before it could be searched. */
export const insertSearchQueue = defineStatement<{ eventNid: number }>(
  'insert into search_queue (event_nid) values (:eventNid) on conflict (event_nid) do nothing',
);

export const selectSearchQueue = defineStatement<{ limit: number }, { event_nid: number }>(
  'select event_nid from search_queue order by event_nid limit :limit',
);

export const deleteSearchQueue = defineStatement<{ eventNids: readonly number[] }>(
  'delete from search_queue where event_nid in (:...eventNids)',
);

/** Which of these rooms are encrypted now. */
export const selectEncryptedRooms = defineStatement<{ roomNids: readonly number[] }, { room_nid: number }>(
  `select current_state.room_nid from state_slots
   join current_state on current_state.slot_nid = state_slots.slot_nid and current_state.room_nid in (:...roomNids)
   where state_slots.type = 'm.room.encryption' and state_slots.state_key = ''`,
);

/** To which of these events another one of their room relates, by one of the senders, in one of the ways. */
export const selectRelatedAmong = defineStatement<
  { eventNids: readonly number[]; senders: readonly string[]; anySender: number } & {
    relTypes: readonly string[];
    anyRelType: number;
  },
  { event_nid: number }
>(
  `select e.event_nid from events e where e.event_nid in (:...eventNids) and exists (
     select 1 from event_relations r where r.room_nid = e.room_nid and r.parent_id = e.event_id
       and (:anySender = 1 or r.sender in (:...'senders)) and (:anyRelType = 1 or r.rel_type in (:...'relTypes)))`,
);
