import type { Migration } from './migration.ts';

/** Devices of users of other servers, and messages for them. */
export const remoteDevices: Migration = {
  number: 6,
  name: 'remote-devices',
  statements: [
    // Lists of users of other servers that are kept up to date. A stale one has to be asked for again; what it holds is
    // not given out. stream_id is the newest update that was taken, null before the first answer.
    `create table remote_device_lists (
      user_id {text} primary key, server_name {text} not null, stream_id {bigint}, is_stale {bigint} not null,
      master_key_json {text}, self_signing_key_json {text}){end}`,
    'create index remote_device_lists_stale on remote_device_lists (server_name, user_id) where is_stale = 1',
    // Devices without keys have no row.
    `create table remote_devices (
      user_id {text} not null, device_id {text} not null, display_name {text}, json {text} not null,
      primary key (user_id, device_id)){end}`,
    // What other servers were told last of our own users' devices: what differs is told next. digest is of keys and
    // name together.
    `create table announced_device_lists (
      user_id {text} primary key, stream_id {bigint} not null){end}`,
    `create table announced_devices (
      user_id {text} not null, device_id {text} not null, digest {text} not null,
      primary key (user_id, device_id)){end}`,
    // Up to which change of a device list the others were told, for each writer.
    'create table announced_positions (writer {bigint} primary key, position {bigint} not null){end}',
    // Messages to devices that other servers sent, so that one that comes again is not delivered again.
    `create table received_to_device (
      origin {text} not null, message_id {text} not null, received_ts {bigint} not null,
      primary key (origin, message_id)){end}`,
    'create index received_to_device_by_origin on received_to_device (origin, received_ts)',
    'create index received_to_device_by_age on received_to_device (received_ts)',
  ],
};
