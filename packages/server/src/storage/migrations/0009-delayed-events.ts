import type { Migration } from './migration.ts';

/** Delayed events, and what became of them. */
export const delayedEvents: Migration = {
  number: 9,
  name: 'delayed-events',
  statements: [
    // An event that is to be sent later, or was; send_ts is since_ts + delay_ms. One that is finalised has
    // finalised_ts, and was 'sent' (event_id), 'cancelled' or 'failed' (error_json), when its time had come ('delay')
    // or because somebody asked for it ('action'). top_level_json is what is signed with it beside its content.
    `create table delayed_events (
      delayed_nid {nid} primary key, delay_id {text} not null unique, user_id {text} not null,
      device_id {text}, scope {text}, transaction_id {text}, room_id {text} not null, type {text} not null,
      state_key {text}, content_json {text} not null, top_level_json {text}, delay_ms {bigint} not null,
      since_ts {bigint} not null, send_ts {bigint} not null, status {text} not null, reason {text},
      finalised_ts {bigint}, event_id {text}, error_json {text}){end}`,
    `create unique index delayed_events_by_transaction on delayed_events
     (user_id, device_id, scope, transaction_id)`,
    'create index delayed_events_by_send_time on delayed_events (user_id, send_ts, delayed_nid)',
    `create index delayed_events_scheduled on delayed_events (delayed_nid) where finalised_ts is null`,
    `create index delayed_events_by_end on delayed_events (finalised_ts, delayed_nid) where finalised_ts is not null`,
    `create index delayed_events_of_user_by_end on delayed_events (user_id, finalised_ts, delayed_nid)
     where finalised_ts is not null`,
    // Which delayed event an event of a room was. Kept as long as the event, since its sender is told with it.
    'create table delay_ids_of_events (event_nid {nid} primary key, delay_id {text} not null){end}',
  ],
};
