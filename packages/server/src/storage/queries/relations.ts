import { defineStatement } from '../statement.ts';

/** Which events relate to which, and what of it is bundled. Reads are of one room: a relation never leaves its room. */

export const insertRelation = defineStatement<{
  roomNid: number;
  parentId: string;
  roomIndex: number;
  eventNid: number;
  eventId: string;
  relType: string;
  type: string;
  sender: string;
  originServerTs: number;
  aggregationKey: string;
  isEdit: number;
}>(
  `insert into event_relations (room_nid, parent_id, room_index, event_nid, event_id, rel_type, type, sender,
     origin_server_ts, aggregation_key, is_edit)
   values (:roomNid, :parentId, :roomIndex, :eventNid, :eventId, :relType, :type, :sender, :originServerTs,
     :aggregationKey, :isEdit)`,
);

/** One more thing to bundle with the parent. */
export const upsertRelatedEvent = defineStatement<{
  roomNid: number;
  parentId: string;
  threads: number;
  threadLatest: number | null;
  hasEdit: number;
  hasReference: number;
}>(
  `insert into related_events (room_nid, event_id, thread_count, thread_latest, has_edit, has_reference)
   values (:roomNid, :parentId, :threads, cast(:threadLatest as bigint), :hasEdit, :hasReference)
   on conflict (room_nid, event_id) do update set
     thread_count = related_events.thread_count + excluded.thread_count,
     thread_latest = case
       when excluded.thread_latest is null or related_events.thread_latest > excluded.thread_latest
       then related_events.thread_latest else excluded.thread_latest end,
     has_edit = related_events.has_edit | excluded.has_edit,
     has_reference = related_events.has_reference | excluded.has_reference`,
);

/** An event of a thread is redacted. Runs before `deleteRelation`; without a row to delete it does nothing. */
export const shrinkThread = defineStatement<{ roomNid: number; parentId: string; roomIndex: number }>(
  `update related_events set thread_count = thread_count - 1, thread_latest = (
     select room_index from event_relations r
     where r.room_nid = :roomNid and r.parent_id = :parentId and r.rel_type = 'm.thread' and r.room_index <> :roomIndex
     order by r.room_index desc limit 1)
   where room_nid = :roomNid and event_id = :parentId and exists (
     select 1 from event_relations r
     where r.room_nid = :roomNid and r.parent_id = :parentId and r.room_index = :roomIndex)`,
);

export const deleteRelation = defineStatement<{ roomNid: number; parentId: string; roomIndex: number }>(
  `delete from event_relations where room_nid = :roomNid and parent_id = :parentId and room_index = :roomIndex`,
);

/** The annotations of one parent by one sender whose key begins so. All that is asked for stands in the index. */
export const selectAnnotations = defineStatement<
  { roomNid: number; parentId: string; sender: string; aggregationKey: string; limit: number },
  { event_id: string }
>(
  `select event_id from event_relations
   where room_nid = :roomNid and parent_id = :parentId and rel_type = 'm.annotation' and sender = :sender
     and aggregation_key = :aggregationKey limit :limit`,
);

/** Whether there is anything to bundle in a room. */
export const selectAnyRelatedEvent = defineStatement<{ roomNid: number }, { event_id: string }>(
  'select event_id from related_events where room_nid = :roomNid limit 1',
);

/** What is bundled with one event. */
export interface BundleRow {
  event_id: string;
  thread_count: number;
  /** The last event of the thread. */
  latest_nid: number | null;
  has_taken_part: number;
  edit_nid: number | null;
  has_reference: number;
}

/**
 * What is bundled with these events for one viewer, as far as there is anything, of what stands up to a `room_index`.
 * The count is of the whole thread, and `latest_nid` is null where the last event stands behind that.
 */
export const selectBundles = defineStatement<
  { roomNid: number; eventIds: readonly string[]; userId: string; upTo: number },
  BundleRow
>(
  `select p.event_id, p.thread_count, p.has_reference,
     (select e.event_nid from events e
      where e.room_nid = p.room_nid and e.room_index = p.thread_latest and e.room_index <= :upTo) as latest_nid,
     case when p.thread_count > 0 and exists (
       select 1 from event_relations r where r.room_nid = p.room_nid and r.parent_id = p.event_id
         and r.rel_type = 'm.thread' and r.sender = :userId) then 1 else 0 end as has_taken_part,
     case when p.has_edit = 1 then (select e.event_nid from events e where e.event_id = (
       select r.event_id from event_relations r where r.room_nid = p.room_nid and r.parent_id = p.event_id
         and r.rel_type = 'm.replace' and r.sender = o.sender and r.aggregation_key = '=' || o.type
         and r.room_index <= :upTo
       order by r.origin_server_ts desc, r.event_id desc limit 1)) end as edit_nid
   from related_events p join events o on o.event_id = p.event_id and o.room_nid = p.room_nid
   where p.room_nid = :roomNid and p.event_id in (:...'eventIds)`,
);

/** How much of these threads is of certain senders, and the last event of others. */
export const selectThreadsWithout = defineStatement<
  { roomNid: number; eventIds: readonly string[]; ignored: readonly string[] },
  { event_id: string; ignored_count: number; latest_nid: number | null }
>(
  `select p.event_id,
     (select count(*) from event_relations r where r.room_nid = p.room_nid and r.parent_id = p.event_id
        and r.rel_type = 'm.thread' and r.sender in (:...'ignored)) as ignored_count,
     (select r.event_nid from event_relations r where r.room_nid = p.room_nid and r.parent_id = p.event_id
        and r.rel_type = 'm.thread' and r.sender not in (:...'ignored)
      order by r.room_index desc limit 1) as latest_nid
   from related_events p where p.room_nid = :roomNid and p.event_id in (:...'eventIds)`,
);

/** These threads as they were up to a `room_index`, for who left then: it counts what is there. */
export const selectThreadsUpTo = defineStatement<
  { roomNid: number; eventIds: readonly string[]; ignored: readonly string[]; upTo: number },
  { event_id: string; count: number; latest_nid: number | null }
>(
  `select p.event_id,
     (select count(*) from event_relations r where r.room_nid = p.room_nid and r.parent_id = p.event_id
        and r.rel_type = 'm.thread' and r.room_index <= :upTo and r.sender not in (:...'ignored)) as count,
     (select r.event_nid from event_relations r where r.room_nid = p.room_nid and r.parent_id = p.event_id
        and r.rel_type = 'm.thread' and r.room_index <= :upTo and r.sender not in (:...'ignored)
      order by r.room_index desc limit 1) as latest_nid
   from related_events p where p.room_nid = :roomNid and p.event_id in (:...'eventIds)`,
);

/** The first references to each of these events; `more` are those after the first of each. */
export const selectReferences = defineStatement<
  { roomNid: number; eventIds: readonly string[]; ignored: readonly string[]; upTo: number; more: number },
  { parent_id: string; event_id: string }
>(
  // Cross joins keep SQLite from beginning with the events of the room.
  `select r.parent_id, e.event_id from related_events p cross join event_relations r cross join events e
   where p.room_nid = :roomNid and p.event_id in (:...'eventIds)
     and r.room_nid = p.room_nid and r.parent_id = p.event_id and r.rel_type = 'm.reference'
     and r.room_index <= :upTo and r.room_index <= coalesce((
       select x.room_index from event_relations x where x.room_nid = p.room_nid and x.parent_id = p.event_id
         and x.rel_type = 'm.reference' order by x.room_index limit 1 offset :more), :upTo)
     and e.room_nid = r.room_nid and e.room_index = r.room_index and e.sender not in (:...'ignored)
   order by r.room_index`,
);

/** Like `insertRelation`, for an event that was there before the index; not if it was redacted, or is indexed. */
export const fillRelation = defineStatement<NonNullable<(typeof insertRelation)['parameters']>>(
  `insert into event_relations (room_nid, parent_id, room_index, event_nid, event_id, rel_type, type, sender,
     origin_server_ts, aggregation_key, is_edit)
   select :roomNid, :parentId, :roomIndex, event_nid, :eventId, :relType, :type, :sender, :originServerTs,
     :aggregationKey, :isEdit
   from events where event_nid = :eventNid and redacted_by is null and is_rejected = 0 and is_soft_failed = 0
   on conflict (room_nid, parent_id, room_index) do nothing`,
);

/** What is bundled with an event, counted anew. */
export const fillRelatedEvent = defineStatement<{ roomNid: number; parentId: string }>(
  `insert into related_events (room_nid, event_id, thread_count, thread_latest, has_edit, has_reference)
   select room_nid, parent_id, count(case when rel_type = 'm.thread' then 1 end),
     max(case when rel_type = 'm.thread' then room_index end), max(is_edit),
     max(case when rel_type = 'm.reference' then 1 else 0 end)
   from event_relations
   where room_nid = :roomNid and parent_id = :parentId and rel_type in ('m.thread', 'm.replace', 'm.reference')
   group by room_nid, parent_id
   on conflict (room_nid, event_id) do update set thread_count = excluded.thread_count,
     thread_latest = excluded.thread_latest, has_edit = excluded.has_edit, has_reference = excluded.has_reference`,
);
