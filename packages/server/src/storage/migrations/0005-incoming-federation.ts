import type { Migration } from './migration.ts';

/** What came from other servers and waits to be processed. */
export const incomingFederation: Migration = {
  number: 5,
  name: 'incoming-federation',
  statements: [
    // Events that a server (`origin`) was told are here (E1), in the order in which they came. is_verified: format,
    // signatures and hash were checked, and json is what goes on; otherwise json is as it came.
    `create table staged_events (
      staged_nid {nid} primary key, room_id {text} not null, origin {text} not null, event_id {text} not null,
      received_ts {bigint} not null, is_verified {bigint} not null, json {text} not null){end}`,
    'create unique index staged_events_by_event on staged_events (room_id, origin, event_id)',
    'create index staged_events_by_lane on staged_events (room_id, origin, staged_nid)',
  ],
};
