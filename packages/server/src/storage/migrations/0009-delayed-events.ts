import type { Migration } from './migration.ts';

/** Delayed events, and what became of them. */
export const delayedEvents: Migration = {
  number: 9,
  name: 'delayed-events',
  statements: [],
};
