import { defineStatement } from '../statement.ts';

/** A page of the accounts that are in use, in the order of their IDs, with name and avatar as JSON. */
export const selectDirectoryUsers = defineStatement<
  { after: string; limit: number },
  { user_id: string; name_json: string | null; avatar_json: string | null }
>(
  `select users.user_id, names.value_json as name_json, avatars.value_json as avatar_json from users
   left join profile_fields names on names.user_id = users.user_id and names.field = 'displayname'
   left join profile_fields avatars on avatars.user_id = users.user_id and avatars.field = 'avatar_url'
   where users.user_id > :after and users.is_deactivated = 0 order by users.user_id limit :limit`,
);

/** Users of other servers who are joined to a room, with their member events. `ownEnding` is `%:` and our name. */
export const selectOthersInRoom = defineStatement<
  { roomNid: number; ownEnding: string; limit: number },
  { user_id: string; event_nid: number }
>(
  `select user_id, event_nid from memberships
   where room_nid = :roomNid and membership = 'join' and user_id not like :ownEnding limit :limit`,
);
