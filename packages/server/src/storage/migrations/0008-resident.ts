import type { Migration } from './migration.ts';

/** What other servers ask of this one. */
export const resident: Migration = {
  number: 8,
  name: 'resident',
  statements: [
    // Tokens by which a user proves to a third party who he is.
    `create table openid_tokens (
      token_hash {bytes} primary key, user_id {text} not null, expires_ts {bigint} not null){end}`,
    'create index openid_tokens_by_user on openid_tokens (user_id, expires_ts)',
    'create index openid_tokens_by_end on openid_tokens (expires_ts)',
    'create index rooms_by_listing on rooms (is_listed, room_nid)',
  ],
};
