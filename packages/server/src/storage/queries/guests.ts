import { defineStatement } from '../statement.ts';

/** A page of the rooms that guests are in, in the order of their numbers. */
export const selectRoomsOfGuests = defineStatement<{ after: number; limit: number }, { room_nid: number }>(
  `select distinct memberships.room_nid from users join memberships on memberships.user_id = users.user_id
   where users.is_guest = 1 and memberships.membership = 'join' and memberships.room_nid > :after
   order by memberships.room_nid limit :limit`,
);

/** Some of the guests in a room. */
export const selectGuestsInRoom = defineStatement<{ roomNid: number; limit: number }, { user_id: string }>(
  `select users.user_id from users
   join memberships on memberships.room_nid = :roomNid and memberships.user_id = users.user_id
   where users.is_guest = 1 and memberships.membership = 'join'
   order by users.user_id limit :limit`,
);

/** A guest who takes a password is a user like others. Changes nothing for who is none. */
export const updateGuestToUser = defineStatement<{ userId: string; passwordHash: string }>(
  `update users set is_guest = 0, password_hash = :passwordHash
   where user_id = :userId and is_guest = 1 and is_deactivated = 0`,
);
