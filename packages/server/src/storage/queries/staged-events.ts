import { defineStatement } from '../statement.ts';

/** Events of other servers that wait until what they rest on is here. */

export interface StagedEventRow {
  staged_nid: number;
  event_id: string;
  origin: string;
  received_ts: number;
  is_verified: number;
  json: string;
}

const COLUMNS = 'staged_nid, event_id, origin, received_ts, is_verified, json';

/** Gives no row where the event waits already. */
export const insertStagedEvent = defineStatement<
  {
    stagedNid: number;
    roomId: string;
    origin: string;
    eventId: string;
    receivedTs: number;
    isVerified: number;
    json: string;
  },
  { staged_nid: number }
>(
  `insert into staged_events (staged_nid, room_id, origin, event_id, received_ts, is_verified, json)
   values (:stagedNid, :roomId, :origin, :eventId, :receivedTs, :isVerified, :json)
   on conflict (room_id, origin, event_id) do nothing returning staged_nid`,
);

/** Those of one server in one room, oldest first, without these. */
export const selectStagedEvents = defineStatement<
  { roomId: string; origin: string; except: readonly number[]; limit: number },
  StagedEventRow
>(
  `select ${COLUMNS} from staged_events
   where room_id = :roomId and origin = :origin and staged_nid not in (:...except)
   order by staged_nid limit :limit`,
);

/** Those of the room with these IDs, whichever server sent them. */
export const selectStagedEventsById = defineStatement<{ roomId: string; eventIds: readonly string[] }, StagedEventRow>(
  `select ${COLUMNS} from staged_events where room_id = :roomId and event_id in (:...eventIds) order by staged_nid`,
);

export const countStagedEvents = defineStatement<
  Record<string, never>,
  { room_id: string; origin: string; count: number }
>('select room_id, origin, count(*) as count from staged_events group by room_id, origin');

export const deleteStagedEvents = defineStatement<{ stagedNids: readonly number[] }, { staged_nid: number }>(
  'delete from staged_events where staged_nid in (:...stagedNids) returning staged_nid',
);
