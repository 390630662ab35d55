import type { Migration } from './migration.ts';

/** Cross-signing keys, key backups, dehydrated devices. */
export const crossSigning: Migration = {
  number: 13,
  name: 'cross-signing',
  statements: [
    // usage is master, self_signing or user_signing. json has the signatures that everybody may see: those of the
    // user's own keys and devices.
    `create table cross_signing_keys (
      user_id {text} not null, usage {text} not null, public_key {text} not null, json {text} not null,
      primary key (user_id, usage)){end}`,
    // What a user's user-signing key says of another user's master key, for the signer alone. public_key is the master
    // key's, which may have been replaced since.
    `create table user_signatures (
      signer_id {text} not null, user_id {text} not null, public_key {text} not null, signer_key_id {text} not null,
      signature {text} not null, writer {bigint} not null, position {bigint} not null,
      primary key (signer_id, user_id)){end}`,
    'create index user_signatures_by_position on user_signatures (signer_id, writer, position)',
    // The cross-signing keys that other servers were told last.
    'create table announced_signing_keys (user_id {text} primary key, digest {text} not null){end}',
    // The newest version that a user ever had, so that one that was deleted is told from one that never was.
    'create table key_backup_versions (user_id {text} primary key, newest {bigint} not null){end}',
    // etag counts the changes of its keys. The keys of a deleted backup go a few at a time, and then its row.
    `create table key_backups (
      backup_nid {nid} primary key, user_id {text} not null, version {bigint} not null, algorithm {text} not null,
      auth_data_json {text} not null, etag {bigint} not null, key_count {bigint} not null,
      is_deleted {bigint} not null, unique (user_id, version)){end}`,
    'create index key_backups_deleted on key_backups (backup_nid) where is_deleted = 1',
    `create table backup_keys (
      backup_nid {bigint} not null, room_id {text} not null, session_id {text} not null, is_verified {bigint} not null,
      first_message_index {bigint} not null, forwarded_count {bigint} not null, session_data_json {text} not null,
      primary key (backup_nid, room_id, session_id)){end}`,
    // A device that nobody is logged in with; it has its row in devices and all that belongs to one.
    `create table dehydrated_devices (
      user_id {text} primary key, device_id {text} not null, data_json {text} not null){end}`,
  ],
};
