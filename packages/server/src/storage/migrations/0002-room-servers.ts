import type { Migration } from './migration.ts';

/** Which servers are in which rooms, and what else rooms of several servers need. */
export const roomServers: Migration = {
  number: 2,
  name: 'room-servers',
  statements: [],
};
