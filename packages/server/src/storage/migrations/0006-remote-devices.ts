import type { Migration } from './migration.ts';

/** Devices of users of other servers, and messages for them. */
export const remoteDevices: Migration = {
  number: 6,
  name: 'remote-devices',
  statements: [],
};
