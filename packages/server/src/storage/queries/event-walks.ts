import { defineStatement } from '../statement.ts';
import { EVENT_COLUMNS, type EventRow } from './events.ts';

/** How far those have come that go through all events by their numbers. */
export const selectEventWalk = defineStatement<{ name: string }, { event_nid: number; last_nid: number | null }>(
  'select event_nid, last_nid from event_walks where name = :name',
);

export const moveEventWalk = defineStatement<{ name: string; eventNid: number }>(
  'update event_walks set event_nid = :eventNid where name = :name',
);

/** Events by their numbers, with a place in the timeline or without. */
export const selectEventsAfter = defineStatement<{ after: number; upTo: number; limit: number }, EventRow>(
  `select ${EVENT_COLUMNS} from events where event_nid > :after and event_nid <= :upTo
   order by event_nid limit :limit`,
);
