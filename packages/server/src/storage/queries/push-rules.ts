import { defineStatement } from '../statement.ts';

/** What of the account data of these users bears on what notifies them. */
export const selectNotificationSettings = defineStatement<
  { userIds: readonly string[] },
  { user_id: string; type: string; content_json: string }
>(
  `select user_id, type, content_json from account_data
   where user_id in (:...userIds) and room_id = '' and type in ('m.push_rules', 'm.ignored_user_list')`,
);

/** The member events of these users, as far as they are joined. */
export const selectJoinedMemberEvents = defineStatement<
  { roomNid: number; userIds: readonly string[] },
  { user_id: string; json: string }
>(
  `select m.user_id, e.json from memberships m join events e on e.event_nid = m.event_nid
   where m.room_nid = :roomNid and m.user_id in (:...userIds) and m.membership = 'join'`,
);
