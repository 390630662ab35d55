import { defineStatement } from '../statement.ts';

/** Which events other servers have to get. */

export interface OutgoingEventRow {
  event_nid: number;
  event_id: string;
  room_nid: number;
  sender: string;
  received_ts: number;
  redacted_by: number | null;
  is_erased: number | null;
  sticky_until_ms: number | null;
  json: string;
}

export const upsertRoomOutgoing = defineStatement<{
  roomNid: number;
  eventNid: number;
  writer: number;
  position: number;
}>(
  `insert into room_outgoing (room_nid, event_nid, writer, position) values (:roomNid, :eventNid, :writer, :position)
   on conflict (room_nid) do update set
     event_nid = excluded.event_nid, writer = excluded.writer, position = excluded.position`,
);

/** What goes out of these events, and what decides whether it does. */
export const selectOutgoingEvents = defineStatement<{ eventNids: readonly number[] }, OutgoingEventRow>(
  `select events.event_nid, events.event_id, events.room_nid, events.sender, events.received_ts, events.redacted_by,
     users.is_erased, sticky_events.until_ms as sticky_until_ms, events.json
   from events left join users on users.user_id = events.sender
     left join sticky_events on sticky_events.event_nid = events.event_nid
   where events.event_nid in (:...eventNids)`,
);

/**
 * The newest event of each room that a server is in, for those where something came after `after` and after it joined;
 * up to `upTo`, in the order of their positions.
 */
export const selectLatestOfRooms = defineStatement<
  { serverName: string; after: number; upTo: number; limit: number },
  { event_nid: number; position: number }
>(
  `select room_outgoing.event_nid, room_outgoing.position
   from room_servers join room_outgoing on room_outgoing.room_nid = room_servers.room_nid
   where room_servers.server_name = :serverName and room_servers.is_in = 1 and room_outgoing.position > :after
     and room_outgoing.position > room_servers.position and room_outgoing.position <= :upTo
   order by room_outgoing.position limit :limit`,
);

/** Rooms that a server left after `after`, with where it did, in that order. */
export const selectLeftRooms = defineStatement<
  { serverName: string; after: number; upTo: number; limit: number },
  { room_nid: number; writer: number; position: number }
>(
  `select room_nid, writer, position from room_servers
   where server_name = :serverName and is_in = 0 and position > :after and position <= :upTo
   order by position limit :limit`,
);

/** The events of a room before a place in the stream, newest first. */
export const selectEventsBefore = defineStatement<
  { roomNid: number; writer: number; upTo: number; limit: number },
  { event_nid: number; sender: string }
>(
  `select event_nid, sender from events where room_nid = :roomNid and writer = :writer and position <= :upTo
   order by position desc limit :limit`,
);

/** One room that a server is in, if there is any. */
export const selectSharedRoom = defineStatement<{ serverName: string }, { room_nid: number }>(
  'select room_nid from room_servers where server_name = :serverName and is_in = 1 limit 1',
);

/** `suffix` is the end of all user IDs of this server, `:example.org`. */
const IS_OF_OURS = `substr(sticky_events.sender, length(sticky_events.sender) - length(cast(:suffix as text)) + 1)
    = :suffix`;

/** What became due to a server after a rank, see `destinations`. */
const STICKY_FOR_SERVER = `
  from room_servers join sticky_events on sticky_events.room_nid = room_servers.room_nid
  where room_servers.server_name = :serverName and sticky_events.until_ms > :nowMs
    and ${IS_OF_OURS}
    and sticky_events.position <= :upTo
    and sticky_events.position > case
      when room_servers.is_in = 1 and room_servers.position > :effective then 0
      when room_servers.is_in = 1 and room_servers.position = :effective then cast(:due as bigint)
      else cast(:effective as bigint) end
    and (room_servers.is_in = 1 or sticky_events.position <= room_servers.position)`;

type StickyRange = { serverName: string; nowMs: number; suffix: string; upTo: number; effective: number; due: number };

export const selectStickyForServer = defineStatement<
  StickyRange & { limit: number },
  { event_nid: number; effective: number; due: number }
>(
  `select sticky_events.event_nid, sticky_events.position as due,
     case when room_servers.is_in = 1 and room_servers.position > sticky_events.position
       then room_servers.position else sticky_events.position end as effective
   ${STICKY_FOR_SERVER} order by effective, due limit :limit`,
);

/** How many, and where the first one stands. */
export const countStickyForServer = defineStatement<StickyRange, { count: number; first_nid: number | null }>(
  `select count(*) as count, min(sticky_events.event_nid) as first_nid ${STICKY_FOR_SERVER}`,
);

export const countLatestOfRooms = defineStatement<
  { serverName: string; after: number },
  { count: number; first_nid: number | null }
>(
  `select count(*) as count, min(room_outgoing.event_nid) as first_nid
   from room_servers join room_outgoing on room_outgoing.room_nid = room_servers.room_nid
   where room_servers.server_name = :serverName and room_servers.is_in = 1 and room_outgoing.position > :after
     and room_outgoing.position > room_servers.position`,
);

/** Unexpired sticky events of one room, with `after` < position <= `upTo`, oldest first. */
export const selectStickyOfRoom = defineStatement<
  { roomNid: number; writer: number; after: number; upTo: number; nowMs: number; suffix: string; limit: number },
  { event_nid: number; position: number }
>(
  `select event_nid, position from sticky_events
   where room_nid = :roomNid and writer = :writer and position > :after and position <= :upTo and until_ms > :nowMs
     and ${IS_OF_OURS}
   order by position limit :limit`,
);

export const countSticky = defineStatement<{ eventNids: readonly number[]; nowMs: number }, { count: number }>(
  'select count(*) as count from sticky_events where event_nid in (:...eventNids) and until_ms > :nowMs',
);

/** A page of the servers that something after `after` is for: an event, an EDU, or their own coming or going. */
export const selectServersToTell = defineStatement<
  { after: number; afterName: string; limit: number },
  { server_name: string }
>(
  `select server_name from (
     select server_name from room_servers where position > :after
     union
     select room_servers.server_name
     from room_outgoing join room_servers on room_servers.room_nid = room_outgoing.room_nid
     where room_outgoing.position > :after and room_servers.is_in = 1
       and room_outgoing.position > room_servers.position
     union
     select server_name from outgoing_edus where position > :after
   ) as found where server_name > :afterName order by server_name limit :limit`,
);

/** Every server that is or was in a room, with where that changed last. */
export const selectServerPlaces = defineStatement<
  { roomNid: number },
  { server_name: string; is_in: number; position: number }
>('select server_name, is_in, position from room_servers where room_nid = :roomNid');
