import { defineStatement } from '../statement.ts';

/** Rooms where somebody typed not long before the last stop. */
export const selectTypingRooms = defineStatement<Record<string, never>, { room_nid: number }>(
  'select room_nid from typing_rooms order by room_nid',
);

export const insertTypingRoom = defineStatement<{ roomNid: number }>(
  'insert into typing_rooms (room_nid) values (:roomNid) on conflict (room_nid) do nothing',
);

export const deleteTypingRooms = defineStatement<{ roomNids: readonly number[] }>(
  'delete from typing_rooms where room_nid in (:...roomNids)',
);
