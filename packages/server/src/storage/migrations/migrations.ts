import { groundFloor } from './0001-ground-floor.ts';
import { roomServers } from './0002-room-servers.ts';
import { remoteServers } from './0003-remote-servers.ts';
import { outgoingFederation } from './0004-outgoing-federation.ts';
import { incomingFederation } from './0005-incoming-federation.ts';
import { remoteDevices } from './0006-remote-devices.ts';
import { media } from './0007-media.ts';
import { resident } from './0008-resident.ts';
import { delayedEvents } from './0009-delayed-events.ts';
import { slidingSync } from './0010-sliding-sync.ts';
import { relations } from './0011-relations.ts';
import { pushers } from './0012-pushers.ts';
import { crossSigning } from './0013-cross-signing.ts';
import { accountStanding } from './0014-account-standing.ts';
import { threadSubscriptions } from './0015-thread-subscriptions.ts';
import { reports } from './0016-reports.ts';
import { guests } from './0017-guests.ts';
import { slidingBytes } from './0018-sliding-bytes.ts';
import { delayedAttempts } from './0019-delayed-attempts.ts';
import { lookups } from './0020-lookups.ts';
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
  delayedEvents,
  slidingSync,
  relations,
  pushers,
  crossSigning,
  accountStanding,
  threadSubscriptions,
  reports,
  guests,
  slidingBytes,
  delayedAttempts,
  lookups,
];
