import type { Migration } from './migration.ts';

/** Keys of other servers. */
export const remoteServers: Migration = {
  number: 3,
  name: 'remote-servers',
  statements: [],
};
