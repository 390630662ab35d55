import { defineStatement } from '../statement.ts';

/** What a restart keeps of presence: of who is said to be there, and what users of this server said last. */

export interface PresenceRow {
  user_id: string;
  /** As it was published last. */
  presence: string;
  status_msg: string | null;
  last_active_ts: number;
}

const COLUMNS = 'user_id, presence, status_msg, last_active_ts';

export const selectPresences = defineStatement<{ userIds: readonly string[] }, PresenceRow>(
  `select ${COLUMNS} from presence where user_id in (:...'userIds)`,
);

/** A page of those who were there when this was written. */
export const selectPresentUsers = defineStatement<{ after: string; limit: number }, PresenceRow>(
  `select ${COLUMNS} from presence where presence <> 'offline' and user_id > :after order by user_id limit :limit`,
);

export const upsertPresence = defineStatement<{
  userId: string;
  presence: string;
  statusMessage: string | null;
  lastActiveTs: number;
}>(
  `insert into presence (user_id, presence, status_msg, last_active_ts)
   values (:userId, :presence, :statusMessage, :lastActiveTs)
   on conflict (user_id) do update set
     presence = excluded.presence, status_msg = excluded.status_msg, last_active_ts = excluded.last_active_ts`,
);

export const deletePresence = defineStatement<{ userId: string }>('delete from presence where user_id = :userId');

/**
 * Rooms with no more joined users than this, that the user is joined to, the latest first. Of a larger room no more
 * members are counted than it takes to know.
 */
export const selectSmallRoomsOfUser = defineStatement<
  { userId: string; maxMembers: number; limit: number },
  { room_nid: number }
>(
  `select mine.room_nid from memberships mine where mine.user_id = :userId and mine.membership = 'join' and (
     select count(*) from (select 1 from memberships theirs
       where theirs.room_nid = mine.room_nid and theirs.membership = 'join' limit :maxMembers + 1) as some_members
   ) <= :maxMembers order by mine.joined_position desc limit :limit`,
);

/** The other servers in any of these rooms. */
export const selectServersOfRooms = defineStatement<{ roomNids: readonly number[] }, { server_name: string }>(
  'select distinct server_name from room_servers where room_nid in (:...roomNids) and is_in = 1',
);
