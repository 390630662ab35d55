import { defineStatement } from '../statement.ts';

/** A stretch of one writer's positions: `after` < position <= `upTo`. */
type Stretch = { writer: number; after: number; upTo: number };

/** Users whose devices changed last within the stretch. */
export const selectDeviceListChanges = defineStatement<Stretch, { user_id: string }>(
  `select user_id from device_list_changes
   where writer = :writer and position > :after and position <= :upTo order by position`,
);

/** Users joined to a room of this user's where either of the two joined within the stretch. */
export const selectUsersMetWithin = defineStatement<Stretch & { userId: string }, { user_id: string }>(
  `select distinct theirs.user_id from memberships mine
   join memberships theirs on theirs.room_nid = mine.room_nid
   where mine.user_id = :userId and mine.membership = 'join'
     and theirs.user_id <> :userId and theirs.membership = 'join'
     and (mine.writer = :writer and mine.joined_position > :after and mine.joined_position <= :upTo
       or theirs.writer = :writer and theirs.joined_position > :after and theirs.joined_position <= :upTo)`,
);

/** Users with whom this user may have shared a room until one of the two left it within the stretch. */
export const selectUsersPartedWithin = defineStatement<Stretch & { userId: string }, { user_id: string }>(
  `select distinct theirs.user_id from memberships mine
   join memberships theirs on theirs.room_nid = mine.room_nid
   where mine.user_id = :userId and theirs.user_id <> :userId
     and mine.membership in ('join', 'leave', 'ban') and theirs.membership in ('join', 'leave', 'ban')
     and (mine.membership <> 'join'
         and mine.writer = :writer and mine.position > :after and mine.position <= :upTo
       or theirs.membership <> 'join' and mine.membership = 'join'
         and theirs.writer = :writer and theirs.position > :after and theirs.position <= :upTo)`,
);
