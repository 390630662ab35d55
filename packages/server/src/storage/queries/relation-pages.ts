import { defineStatement } from '../statement.ts';

/** Pages of `event_relations` and of threads, all of one room. `after` < room_index < `before`. */

/** One event that relates to another. */
export interface ChildRow {
  event_nid: number;
  room_index: number;
}

const COLUMNS = 'event_nid, room_index';
const STRETCH = 'room_index > :after and room_index < :before';
const OF_TYPE = '(cast(:type as text) is null or type = :type)';
const OF_KIND = `(cast(:relType as text) is null or rel_type = :relType) and ${OF_TYPE}`;

interface Stretch extends Record<string, string | number | null | readonly string[]> {
  roomNid: number;
  after: number;
  before: number;
  limit: number;
}

export const selectChildrenBackwards = defineStatement<Stretch & { parentId: string }, ChildRow>(
  `select ${COLUMNS} from event_relations where room_nid = :roomNid and parent_id = :parentId and ${STRETCH}
   order by room_index desc limit :limit`,
);

export const selectChildrenForwards = defineStatement<Stretch & { parentId: string }, ChildRow>(
  `select ${COLUMNS} from event_relations where room_nid = :roomNid and parent_id = :parentId and ${STRETCH}
   order by room_index limit :limit`,
);

/** Found in the index alone; their types are those of the events. */
const CHILDREN_OF_KIND = `select e.event_nid, r.room_index
  from event_relations r join events e on e.room_nid = r.room_nid and e.room_index = r.room_index
  where r.room_nid = :roomNid and r.parent_id = :parentId and r.rel_type = :relType
    and r.room_index > :after and r.room_index < :before and (cast(:type as text) is null or e.type = :type)`;

type OfKind = Stretch & { parentId: string; relType: string; type: string | null };

export const selectChildrenOfKindBackwards = defineStatement<OfKind, ChildRow>(
  `${CHILDREN_OF_KIND} order by r.room_index desc limit :limit`,
);

export const selectChildrenOfKindForwards = defineStatement<OfKind, ChildRow>(
  `${CHILDREN_OF_KIND} order by r.room_index limit :limit`,
);

type OfMany = Stretch & { parentIds: readonly string[]; relType: string | null; type: string | null };

export const selectChildrenOfManyBackwards = defineStatement<OfMany, ChildRow>(
  `select ${COLUMNS} from event_relations
   where room_nid = :roomNid and parent_id in (:...'parentIds) and ${STRETCH} and ${OF_KIND}
   order by room_index desc limit :limit`,
);

export const selectChildrenOfManyForwards = defineStatement<OfMany, ChildRow>(
  `select ${COLUMNS} from event_relations
   where room_nid = :roomNid and parent_id in (:...'parentIds) and ${STRETCH} and ${OF_KIND}
   order by room_index limit :limit`,
);

/** The newest children of these that have children of their own. */
export const selectParentsAmongChildren = defineStatement<
  { roomNid: number; parentIds: readonly string[]; relType: string | null; type: string | null; limit: number },
  { event_id: string }
>(
  `select event_id from event_relations r
   where room_nid = :roomNid and parent_id in (:...'parentIds) and ${OF_KIND} and exists (
     select 1 from event_relations c where c.room_nid = r.room_nid and c.parent_id = r.event_id)
   order by room_index desc limit :limit`,
);

/** A thread whose root is here. */
export interface ThreadRow {
  event_id: string;
  event_nid: number;
  thread_latest: number;
  has_taken_part: number;
}

/** Threads whose last event stands before a `room_index`, the latest first. */
export const selectThreads = defineStatement<
  { roomNid: number; userId: string; before: number; limit: number },
  ThreadRow
>(
  `select p.event_id, p.thread_latest, o.event_nid,
     case when o.sender = :userId or exists (
       select 1 from event_relations r where r.room_nid = p.room_nid and r.parent_id = p.event_id
         and r.rel_type = 'm.thread' and r.sender = :userId) then 1 else 0 end as has_taken_part
   from related_events p join events o on o.event_id = p.event_id and o.room_nid = p.room_nid
   where p.room_nid = :roomNid and p.thread_latest < :before
   order by p.thread_latest desc limit :limit`,
);
