import { defineStatement } from '../statement.ts';

/** Users of this server by the words of their names and IDs; see the migration `lookups`. */

interface DirectoryUserRow {
  user_id: string;
  name_json: string | null;
  avatar_json: string | null;
}

/** Those of these accounts that are in use, with name and avatar as JSON. */
export const selectDirectoryUsers = defineStatement<{ userIds: readonly string[] }, DirectoryUserRow>(
  `select users.user_id, names.value_json as name_json, avatars.value_json as avatar_json from users
   left join profile_fields names on names.user_id = users.user_id and names.field = 'displayname'
   left join profile_fields avatars on avatars.user_id = users.user_id and avatars.field = 'avatar_url'
   where users.user_id in (:...'userIds) and users.is_deactivated = 0`,
);

/** Whose words begin so: `from` <= word < `before`. Shorter words first. */
export const selectUsersByWord = defineStatement<
  { isInner: number; from: string; before: string; limit: number },
  { user_id: string }
>(
  `select user_id from directory_words where is_inner = :isInner and word >= :from and word < :before
   order by word, user_id limit :limit`,
);

export const insertDirectoryWord = defineStatement<{ isInner: number; word: string; userId: string }>(
  'insert into directory_words (is_inner, word, user_id) values (:isInner, :word, :userId)',
);

export const deleteDirectoryWords = defineStatement<{ userIds: readonly string[] }>(
  "delete from directory_words where user_id in (:...'userIds)",
);

/** Another reason moves the number on. */
export const upsertDirectoryQueue = defineStatement<{ userId: string }>(
  `insert into directory_queue (user_id, number) values (:userId, 0)
   on conflict (user_id) do update set number = directory_queue.number + 1`,
);

/** Some of those whose words have to be written anew, with what they are called; `is_in_use` is 0 for who is none. */
export const selectDirectoryQueue = defineStatement<
  { limit: number },
  { user_id: string; number: number; name_json: string | null; is_in_use: number }
>(
  `select queue.user_id, queue.number, names.value_json as name_json,
     case when users.is_deactivated = 0 then 1 else 0 end as is_in_use
   from directory_queue queue left join users on users.user_id = queue.user_id
   left join profile_fields names on names.user_id = queue.user_id and names.field = 'displayname'
   order by queue.user_id limit :limit`,
);

/** Not where there was another reason meanwhile. */
export const deleteFromDirectoryQueue = defineStatement<{ userId: string; number: number }>(
  'delete from directory_queue where user_id = :userId and number = :number',
);

/** Some users of other servers who are joined to a room, with their member events. `ownEnding` is `%:` and our name. */
export const selectOthersInRoom = defineStatement<
  { roomNid: number; ownEnding: string; limit: number },
  { user_id: string; event_nid: number }
>(
  // Few rooms have others in them, and nobody is to look through all the members of one that has none.
  `select user_id, event_nid from memberships
   where room_nid = :roomNid and membership = 'join' and user_id not like :ownEnding
     and exists (select 1 from room_servers where room_servers.room_nid = :roomNid and room_servers.is_in = 1)
   limit :limit`,
);
