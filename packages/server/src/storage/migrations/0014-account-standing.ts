import type { Migration } from './migration.ts';

/** What an account may (guests, locks, suspension), how it ends (erasure, rooms to be left), and refresh tokens. */
export const accountStanding: Migration = {
  number: 14,
  name: 'account-standing',
  statements: [
    'alter table users add column is_guest {bigint} not null default 0',
    'alter table users add column is_locked {bigint} not null default 0',
    'alter table users add column is_suspended {bigint} not null default 0',
    // The account ended, and its user has not left all rooms yet.
    'alter table users add column is_leaving {bigint} not null default 0',
    // Where in the counter of its writer the erasure stands; null for one of an older version: before everything.
    'alter table users add column erased_position {bigint}',
    'create index users_leaving on users (user_id) where is_leaving = 1',
    'create index users_erased on users (user_id) where is_erased = 1',
    // With what program the device was last logged in.
    'alter table devices add column user_agent {text}',

    // Until the new access token is used for the first time, the refresh token that it was got with still holds.
    'alter table access_tokens add column refreshed_by {bytes}',
    // replaces is the refresh token that this one was got with, while that one still holds. One that is used up stays
    // until the next one is, so that who comes with it again hears that the session goes on.
    `create table refresh_tokens (
      token_hash {bytes} primary key, user_id {text} not null, device_id {text} not null, expires_ts {bigint},
      replaces {bytes}, is_used {bigint} not null){end}`,
    'create index refresh_tokens_by_device on refresh_tokens (user_id, device_id)',

    // What was found at a URL, as the answer's JSON; null where there was nothing to show. url_hash is of the URL.
    `create table url_previews (
      url_hash {bytes} primary key, json {text}, fetched_ts {bigint} not null, expires_ts {bigint} not null){end}`,
    'create index url_previews_by_end on url_previews (expires_ts)',
  ],
};
