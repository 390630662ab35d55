import { defineStatement } from '../statement.ts';

/** A row of `memberships`. */
export interface MembershipRow {
  room_nid: number;
  user_id: string;
  membership: string;
  event_nid: number;
  sender: string;
  is_forgotten: number;
  joined_position: number | null;
  writer: number;
  position: number;
}

const COLUMNS = 'room_nid, user_id, membership, event_nid, sender, is_forgotten, joined_position, writer, position';

export const selectMembership = defineStatement<{ roomNid: number; userId: string }, MembershipRow>(
  `select ${COLUMNS} from memberships where room_nid = :roomNid and user_id = :userId`,
);

export const selectMembershipsOfUsers = defineStatement<
  { roomNid: number; userIds: readonly string[] },
  { user_id: string; event_nid: number }
>(`select user_id, event_nid from memberships where room_nid = :roomNid and user_id in (:...'userIds)`);

export const selectMembershipsOfUser = defineStatement<{ userId: string }, MembershipRow>(
  `select ${COLUMNS} from memberships where user_id = :userId`,
);

export const selectMembershipsOfRoom = defineStatement<{ roomNid: number; membership: string }, MembershipRow>(
  `select ${COLUMNS} from memberships where room_nid = :roomNid and membership = :membership order by position`,
);

export const selectJoinedUsers = defineStatement<{ roomNid: number }, { user_id: string }>(
  `select user_id from memberships where room_nid = :roomNid and membership = 'join'`,
);

/** `position` is the latest change among those counted. */
export const countMemberships = defineStatement<
  { roomNid: number },
  { membership: string; writer: number; count: number; position: number }
>(
  `select membership, writer, count(*) as count, max(position) as position from memberships
   where room_nid = :roomNid group by membership, writer`,
);

export const selectSharedRoom = defineStatement<{ userId: string; otherUserId: string }, { room_nid: number }>(
  `select mine.room_nid from memberships mine
   join memberships theirs on theirs.room_nid = mine.room_nid
   where mine.user_id = :userId and mine.membership = 'join'
     and theirs.user_id = :otherUserId and theirs.membership = 'join' limit 1`,
);

export const selectUsersSharingRooms = defineStatement<{ userId: string }, { user_id: string }>(
  `select distinct theirs.user_id from memberships mine
   join memberships theirs on theirs.room_nid = mine.room_nid and theirs.membership = 'join'
   where mine.user_id = :userId and mine.membership = 'join'`,
);

/** Writes a membership that changed; `joinedPosition` is where it did, if it is a join. */
export const upsertMembership = defineStatement<{
  roomNid: number;
  userId: string;
  membership: string;
  eventNid: number;
  sender: string;
  joinedPosition: number | null;
  writer: number;
  position: number;
}>(
  `insert into memberships
     (room_nid, user_id, membership, event_nid, sender, is_forgotten, joined_position, writer, position)
   values (:roomNid, :userId, :membership, :eventNid, :sender, 0, :joinedPosition, :writer, :position)
   on conflict (room_nid, user_id) do update set
     membership = excluded.membership, event_nid = excluded.event_nid, sender = excluded.sender, is_forgotten = 0,
     joined_position = excluded.joined_position, writer = excluded.writer, position = excluded.position`,
);

/** The same membership by another event (a new display name, say): its place in the stream stays. */
export const updateMemberEvent = defineStatement<{
  roomNid: number;
  userId: string;
  eventNid: number;
  sender: string;
}>(
  `update memberships set event_nid = :eventNid, sender = :sender
   where room_nid = :roomNid and user_id = :userId`,
);

export const updateForgotten = defineStatement<{ roomNid: number; userId: string }>(
  `update memberships set is_forgotten = 1 where room_nid = :roomNid and user_id = :userId`,
);

/** Where state resolution left nothing in a user's slot. */
export const deleteMembership = defineStatement<{ roomNid: number; userId: string }>(
  'delete from memberships where room_nid = :roomNid and user_id = :userId',
);

/**
 * Users of one server that have to do with a room, those first that have been in it longest. The database may take
 * names that differ in case for one: look again. `ending` is `%:` and the name of the server.
 */
export const selectUsersOfServer = defineStatement<
  { roomNid: number; ending: string; limit: number },
  { user_id: string; membership: string }
>(
  `select user_id, membership from memberships where room_nid = :roomNid and user_id like :ending
   order by case when membership = 'join' then 0 else 1 end, coalesce(joined_position, 0), user_id limit :limit`,
);

/** Of users of other servers: those whose ID is not like `ownServer`. */
export const deleteMembershipsOfRoom = defineStatement<{ roomNid: number; ownServer: string }>(
  "delete from memberships where room_nid = :roomNid and user_id not like :ownServer escape '\\'",
);
