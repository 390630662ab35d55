import { defineStatement } from '../statement.ts';

export interface RoomRow {
  room_nid: number;
  room_id: string;
  version: string;
  is_listed: number;
  created_ts: number;
}

const ROOM_COLUMNS = 'room_nid, room_id, version, is_listed, created_ts';

export const selectRoomById = defineStatement<{ roomId: string }, RoomRow>(
  `select ${ROOM_COLUMNS} from rooms where room_id = :roomId`,
);

export const selectRoomsByNid = defineStatement<{ roomNids: readonly number[] }, RoomRow>(
  `select ${ROOM_COLUMNS} from rooms where room_nid in (:...roomNids)`,
);

/** The rooms of the directory, at most so many. */
export const selectListedRooms = defineStatement<{ limit: number }, RoomRow>(
  `select ${ROOM_COLUMNS} from rooms where is_listed = 1 order by room_nid limit :limit`,
);
