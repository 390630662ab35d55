import type { Migration } from './migration.ts';

/** Which threads a user follows. */
export const threadSubscriptions: Migration = {
  number: 15,
  name: 'thread-subscriptions',
  statements: [
    // A row stays when the user unsubscribes: its place says which automatic subscriptions come too late. One that was
    // never there is no subscription.
    `create table thread_subscriptions (
      user_id {text} not null, room_id {text} not null, root_id {text} not null,
      is_subscribed {bigint} not null, is_automatic {bigint} not null,
      writer {bigint} not null, position {bigint} not null, primary key (user_id, room_id, root_id)){end}`,
    'create index thread_subscriptions_by_position on thread_subscriptions (user_id, writer, position)',
  ],
};
