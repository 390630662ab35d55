/** The tables that queries put together at run time ask; columns are told in the migrations. */
export interface QueryTables {
  events: EventsTable;
  rooms: { room_nid: number; room_id: string; version: string; is_listed: number; created_ts: number };
  memberships: MembershipsTable;
  current_state: { room_nid: number; slot_nid: number; event_nid: number; writer: number; position: number };
  state_slots: { slot_nid: number; type: string; state_key: string };
  sticky_events: StickyEventsTable;
}

interface EventsTable {
  event_nid: number;
  event_id: string;
  room_nid: number;
  room_index: number | null;
  writer: number | null;
  position: number | null;
  type: string;
  state_key: string | null;
  sender: string;
  depth: number;
  origin_server_ts: number;
  received_ts: number;
  state_before: number | null;
  is_rejected: number;
  is_soft_failed: number;
  has_url: number;
  redacted_by: number | null;
  json: string;
}

interface MembershipsTable {
  room_nid: number;
  user_id: string;
  membership: string;
  event_nid: number;
  sender: string;
  is_forgotten: number;
  joined_position: number | null;
  writer: number;
  position: number;
}

interface StickyEventsTable {
  event_nid: number;
  room_nid: number;
  sender: string;
  until_ms: number;
  writer: number | null;
  position: number | null;
}
