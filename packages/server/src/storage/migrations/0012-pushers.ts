import type { Migration } from './migration.ts';

/** Pushers, notifications and presence. */
export const pushers: Migration = {
  number: 12,
  name: 'pushers',
  statements: [
    // json is the pusher as its client set it. Up to done_position its notifications were sent, or were not to be;
    // badge is the unread count that it was last told. failures and next_try_ms are of a gateway that does not answer.
    `create table pushers (
      pusher_nid {nid} primary key, user_id {text} not null, device_id {text} not null, app_id {text} not null,
      pushkey {text} not null, json {text} not null, set_ts {bigint} not null, done_position {bigint} not null,
      badge {bigint} not null, failures {bigint} not null, next_try_ms {bigint} not null,
      unique (user_id, app_id, pushkey)){end}`,
    'create index pushers_by_key on pushers (app_id, pushkey)',
    // Events that notify users with pushers, until all their pushers are done with them. position is that of the event.
    `create table push_queue (
      user_id {text} not null, writer {bigint} not null, position {bigint} not null, room_nid {bigint} not null,
      room_index {bigint} not null, event_nid {bigint} not null, queued_ts {bigint} not null,
      primary key (user_id, writer, position)){clustered}`,
    'create index push_queue_by_age on push_queue (queued_ts)',
    'create index unread_highlights on unread_events (room_nid, room_index) where highlights = 1',
    `create index unread_exception_highlights on unread_exceptions (room_nid, user_id, room_index)
     where highlights = 1`,
    // What a restart keeps of the presence of users of this server. presence is what the user set himself.
    `create table presence (
      user_id {text} primary key, presence {text} not null, status_msg {text}, last_active_ts {bigint} not null){end}`,
  ],
};
