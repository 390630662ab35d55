import { groundFloor } from './0001-ground-floor.ts';
import { roomServers } from './0002-room-servers.ts';
import { remoteServers } from './0003-remote-servers.ts';
import { outgoingFederation } from './0004-outgoing-federation.ts';
import { incomingFederation } from './0005-incoming-federation.ts';
import { remoteDevices } from './0006-remote-devices.ts';
import { media } from './0007-media.ts';
import { resident } from './0008-resident.ts';
import type { Migration } from './migration.ts';

/** Every step from nothing to today, in order. The server takes the missing ones at start, each in a transaction. */
export const MIGRATIONS: readonly Migration[] = [
  groundFloor,
  roomServers,
  remoteServers,
  outgoingFederation,
  incomingFederation,
  remoteDevices,
  media,
  resident,
];
