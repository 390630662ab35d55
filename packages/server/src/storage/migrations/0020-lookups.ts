import type { Migration } from './migration.ts';

/** What is looked up often is found without going through a whole room, or through all users. */
export const lookups: Migration = {
  number: 20,
  name: 'lookups',
  statements: [
    // A room has few slots of its state, and then those of all its members: is_member tells them apart.
    'alter table current_state add column is_member {bigint} not null default 1',
    // Not those that are in no list of members: PostgreSQL goes through such a list for each row once it is long.
    `update current_state set is_member = 0 where slot_nid in
      (select slot_nid from state_slots where type <> 'm.room.member')`,
    'create index current_state_but_members on current_state (room_nid, slot_nid) where is_member = 0',
    // The members of a room in the order in which they came.
    'create index memberships_in_order on memberships (room_nid, membership, position, user_id)',
    'drop index memberships_by_kind',

    // The words that users of this server are found by: of their names and IDs, without case and accents. A word stands
    // whole, and from each letter on (is_inner, unless a word begins there), up to the end of what has no spaces.
    `create table directory_words (
      is_inner {bigint} not null, word {text} not null, user_id {text} not null,
      primary key (is_inner, word, user_id)){clustered}`,
    'create index directory_words_by_user on directory_words (user_id)',
    // Users whose words have to be written anew. number tells one reason from the next.
    'create table directory_queue (user_id {text} primary key, number {bigint} not null){end}',
    'insert into directory_queue (user_id, number) select user_id, 0 from users',

    // The index of words is to find beginnings of words at once. Where that takes another index, the walk that filled
    // it first does so again; where what is indexed can be kept, no search goes without it.
    '{retireSearchIndex}',
    '{renewSearchIndex}',
    "update event_walks set event_nid = 0 where name = 'search' and not exists (select 1 from search_texts)",
  ],
};
