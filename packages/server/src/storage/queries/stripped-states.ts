import { defineStatement } from '../statement.ts';

/**
 * What other servers told of rooms that users of ours are invited to, or knock on, as a JSON array of stripped state.
 */
export const selectStrippedState = defineStatement<{ roomNid: number; userId: string }, { json: string }>(
  'select json from stripped_states where room_nid = :roomNid and user_id = :userId',
);
