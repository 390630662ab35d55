import type { Migration } from './migration.ts';

/** The event that a delayed one becomes, where it has to be known before it is in the room. */
export const delayedAttempts: Migration = {
  number: 19,
  name: 'delayed attempts',
  statements: ['alter table delayed_events add column attempt_json {text}'],
};
