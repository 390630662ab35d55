import { defineStatement } from '../statement.ts';

/**
 * How far a bounded look through a timeline goes: the event `offset` places on and, if there is one, the one behind it.
 * Answered by the index alone.
 */
export const selectEdgeBackwards = defineStatement<
  { roomNid: number; after: number; before: number; offset: number },
  { room_index: number }
>(
  `select room_index from events where room_nid = :roomNid and room_index > :after and room_index < :before
   order by room_index desc limit 2 offset :offset`,
);

export const selectEdgeForwards = defineStatement<
  { roomNid: number; after: number; before: number; offset: number },
  { room_index: number }
>(
  `select room_index from events where room_nid = :roomNid and room_index > :after and room_index < :before
   order by room_index limit 2 offset :offset`,
);
