import { defineStatement } from '../statement.ts';

export interface StateChangeRow {
  position: number;
  slot_nid: number;
  type: string;
  state_key: string;
  event_nid: number | null;
  previous_nid: number | null;
}

/** What changed in a room's current state in a range of one writer, in order. */
export const selectStateChanges = defineStatement<
  { roomNid: number; writer: number; after: number; upTo: number },
  StateChangeRow
>(
  `select c.position, c.slot_nid, s.type, s.state_key, c.event_nid, c.previous_nid
   from state_changes c join state_slots s on s.slot_nid = c.slot_nid
   where c.room_nid = :roomNid and c.writer = :writer and c.position > :after and c.position <= :upTo
   order by c.position`,
);

const CAME_FIRST = `from memberships
   where room_nid = :roomNid and user_id <> :userId and membership =`;

/** Users to name a room after, who have one membership or another: the longest there first. */
export const selectHeroes = defineStatement<
  { roomNid: number; userId: string; membership: string; otherMembership: string; limit: number },
  { user_id: string }
>(
  `select user_id from (
     select * from (select user_id, position ${CAME_FIRST} :membership order by position limit :limit) as ones
     union all
     select * from (select user_id, position ${CAME_FIRST} :otherMembership order by position limit :limit) as others
   ) as found order by position limit :limit`,
);
