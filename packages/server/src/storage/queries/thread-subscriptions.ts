import { defineStatement } from '../statement.ts';

interface ThreadSubscriptionRow {
  is_subscribed: number;
  is_automatic: number;
}

export interface ThreadSubscriptionChangeRow extends ThreadSubscriptionRow {
  room_id: string;
  root_id: string;
  position: number;
}

export const selectThreadSubscription = defineStatement<
  { userId: string; roomId: string; rootId: string },
  ThreadSubscriptionRow
>(
  `select is_subscribed, is_automatic from thread_subscriptions
   where user_id = :userId and room_id = :roomId and root_id = :rootId`,
);

/** The threads of a room that these users are subscribed to. */
export const selectThreadFollowers = defineStatement<
  { roomId: string; userIds: readonly string[] },
  { user_id: string; root_id: string }
>(
  `select user_id, root_id from thread_subscriptions
   where user_id in (:...userIds) and room_id = :roomId and is_subscribed = 1`,
);

/** What one writer changed last, with `after` < position <= `upTo`, the newest first. */
export const selectThreadSubscriptionsBetween = defineStatement<
  { userId: string; writer: number; after: number; upTo: number; limit: number },
  ThreadSubscriptionChangeRow
>(
  `select room_id, root_id, is_subscribed, is_automatic, position from thread_subscriptions
   where user_id = :userId and writer = :writer and position > :after and position <= :upTo
   order by position desc limit :limit`,
);

/** Changes nothing where the user subscribed by hand before: to be run with `expect`. */
export const subscribeByHand = defineStatement<{
  userId: string;
  roomId: string;
  rootId: string;
  writer: number;
  position: number;
}>(
  `insert into thread_subscriptions (user_id, room_id, root_id, is_subscribed, is_automatic, writer, position)
   values (:userId, :roomId, :rootId, 1, 0, :writer, :position)
   on conflict (user_id, room_id, root_id) do update set
     is_subscribed = 1, is_automatic = 0, writer = excluded.writer, position = excluded.position
   where thread_subscriptions.is_subscribed = 0 or thread_subscriptions.is_automatic = 1`,
);

/**
 * Changes nothing where the user is subscribed, nor where he unsubscribed after the event that is the cause came: to be
 * run with `expect`.
 */
export const subscribeAutomatically = defineStatement<{
  userId: string;
  roomId: string;
  rootId: string;
  causeWriter: number;
  causePosition: number;
  writer: number;
  position: number;
}>(
  `insert into thread_subscriptions (user_id, room_id, root_id, is_subscribed, is_automatic, writer, position)
   values (:userId, :roomId, :rootId, 1, 1, :writer, :position)
   on conflict (user_id, room_id, root_id) do update set
     is_subscribed = 1, is_automatic = 1, writer = excluded.writer, position = excluded.position
   where thread_subscriptions.is_subscribed = 0
     and thread_subscriptions.writer = :causeWriter and thread_subscriptions.position < :causePosition`,
);

export const deleteThreadSubscriptions = defineStatement<{ userId: string }>(
  'delete from thread_subscriptions where user_id = :userId',
);

/** Changes nothing where the user is not subscribed: to be run with `expect`. */
export const unsubscribe = defineStatement<{
  userId: string;
  roomId: string;
  rootId: string;
  writer: number;
  position: number;
}>(
  `update thread_subscriptions set is_subscribed = 0, writer = :writer, position = :position
   where user_id = :userId and room_id = :roomId and root_id = :rootId and is_subscribed = 1`,
);
