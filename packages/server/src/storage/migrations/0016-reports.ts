import type { Migration } from './migration.ts';

/** What users report to the administrators. */
export const reports: Migration = {
  number: 16,
  name: 'reports',
  statements: [
    `create table reports (
      report_nid {nid} primary key, reporter {text} not null, room_id {text}, event_id {text}, user_id {text},
      score {bigint}, reason {text} not null, received_ts {bigint} not null){end}`,
    'create index reports_by_reporter on reports (reporter, report_nid)',
  ],
};
