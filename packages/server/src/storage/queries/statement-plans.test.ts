import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { compileFor, type FoundStatement, findStatements, schemaFor } from '../../../tests/support/every-statement.ts';
import { createPostgresDatabase } from '../../../tests/support/test-postgres.ts';
import { postgresAdapter } from '../postgres/postgres-adapter.ts';
import { sqliteAdapter } from '../sqlite/sqlite-adapter.ts';

/**
 * How the databases go about each statement: none may read more than it is for (docs/architecture.md, decision 5).
 * Those that look as if they did are named here, with what bounds them; all others are found out.
 */
type Excused = Readonly<Record<string, readonly string[]>>;

/** Tables that are gone through, or an index of some of their rows. */
const SCANS: Excused = {
  'a row for each writer': ['selectAnnouncedPositions', 'selectToldEverybody'],
  'for an administrator who asks': ['countDestinations', 'selectDestinations', 'selectSomeServers'],
  'an administrator made a handful of them': ['deleteAdministratorTokens', 'selectAnyUsableRegistrationToken'],
  'begins where the table does, up to a limit': ['selectAnyUser', 'selectDirectoryQueue', 'selectSearchQueue'],
  'all that is in an index of few': [
    ...['deleteDeletedBackups', 'deleteKeysOfDeletedBackups', 'selectErasedUsers', 'selectServersWithStaleLists'],
    'selectUsersWhoLeave',
  ],
  'once, at the start': ['countStagedEvents', 'selectStickyRooms', 'selectTypingRooms'],
};

/** All rows of a room, of which there may be a hundred thousand. */
const WHOLE_ROOMS: Excused = {
  'all of it is asked for': ['selectCurrentMembers', 'selectCurrentState', 'selectForwardExtremities'],
  'the room is entered anew': [
    ...['deleteCurrentStateOfRoom', 'deleteMembershipsOfRoom', 'deleteRoomExtremities', 'deleteServersOfRoom'],
  ],
  'its servers, or what is sticky in it': [
    ...['countStickyForServer', 'selectServerPlaces', 'selectServersOfRoom', 'selectServersOfRooms'],
    ...['selectServersSharingOneRoom', 'selectServersSharingRooms', 'selectStickyForServer'],
  ],
  'the ends of the graph': ['selectExtremityIds'],
  'the first and the last': ['selectTimelineBounds'],
  'what was found is kept in memory': ['countMemberships', 'selectUsersOfServer'],
};

/** What is put in order after it was found. */
const SORTS: Excused = {
  'a limit of their own bounds them': [
    ...['claimOneTimeKey', 'deleteSurplusOpenIdTokens', 'deleteSurplusThumbnails', 'disownSurplusThumbnails'],
    ...['deleteConnectionsBeyond', 'deleteConnectionsBeyondBytes', 'deleteVersionsBeyond', 'insertIntoPushQueue'],
    ...['deleteVersionsBeyondBytes', 'selectAliasesOfRoom'],
    ...['selectExtremityIds', 'selectHeroes', 'selectPushersOfUser', 'selectStagedEventsById', 'trimOutgoingEdus'],
  ],
  'a step of removing': ['deleteOldCopies', 'deleteThumbnailsOfOldCopies', 'disownOldCopies'].concat(
    'disownThumbnailsOfOldCopies',
  ),
  'the path of a snapshot is short': ['selectSnapshotPath', 'selectSlotsOfSnapshots'],
  'all of it is asked for': [
    ...['selectSnapshotState', 'selectServersOfRooms', 'selectServersSharingOneRoom', 'selectServersSharingRooms'],
    'selectUsersSharingRooms',
  ],
  'the rooms of one user, or of one server': [
    ...['selectHighlightingRooms', 'selectLatestOfRooms', 'selectLeftRooms', 'selectNotifyingRooms'],
    ...['selectReadIndexes', 'selectSmallRoomsOfUser', 'selectStickyForServer'],
  ],
  'what relates to the events of a page': [
    ...['selectChildrenOfManyBackwards', 'selectChildrenOfManyForwards', 'selectParentsAmongChildren'],
    'selectReferences',
  ],
  'what was found is kept in memory': ['countMemberships', 'selectUsersOfServer'],
  'for an administrator who asks': ['selectDestinations'],
  'in the background': ['selectBehindNames', 'selectGuestsInRoom', 'selectRoomsWithKeptBack'],
};

/** Lists that are held against rows instead of finding them. */
const FILTERING_LISTS: Excused = {
  'rows of one user, with a limit': ['selectDelayedEventsBackwards', 'selectDelayedEventsForwards'],
  'devices of one user': ['deleteDevices[1]', 'deleteDevices[8]'],
  'senders and kinds of what relates to an event': [
    ...['selectReferences', 'selectRelatedAmong', 'selectThreadsUpTo', 'selectThreadsWithout'],
  ],
  'what waits in one room': ['selectStagedEvents', 'selectStagedEventsById'],
  'types of the state of one room': ['selectCurrentStateOfTypes'],
  'threads of the unread events that are kept': ['pruneReadsBySending'],
};

const statements = await findStatements();

describe('SQLite', () => {
  const database = new DatabaseSync(':memory:');
  for (const text of schemaFor(sqliteAdapter)) database.exec(text);
  const plans = statements.map((found) => planInSqlite(database, found));

  const named = (isIt: (plan: SqlitePlan) => boolean) => plans.filter(isIt).map(({ name }) => name);

  test('goes through no table', () => {
    expect(sorted(named(({ scanned }) => scanned.length > 0))).toEqual(allOf(SCANS));
  });

  test('goes through no room', () => {
    const isWhole = ({ steps, hasSort, sql }: SqlitePlan) =>
      steps.some((step) => step.startsWith('SEARCH') && /\(room_nid[=>]\?\)/.test(step) && !usesSmallIndex(step)) &&
      (hasSort || !/\blimit\b/.test(sql));
    expect(sorted(named(isWhole))).toEqual(allOf(WHOLE_ROOMS));
  });

  test('puts nothing in order that an index could have in order', () => {
    expect(sorted(named(({ hasSort }) => hasSort))).toEqual(allOf(SORTS));
  });

  test('finds what is in a list by the list', () => {
    const isFilter = ({ steps }: SqlitePlan) => steps.some((step) => step.includes('BLOOM FILTER'));
    expect(sorted(named(isFilter))).toEqual(allOf(FILTERING_LISTS));
  });
});

test('PostgreSQL goes through no other table than SQLite', async () => {
  const client = new Client(await createPostgresDatabase());
  await client.connect();
  for (const text of schemaFor(postgresAdapter)) await client.query(text);
  await client.query(FILL_ALL_TABLES);
  await client.query('analyze');
  // So it goes through a table only where there is no other way.
  await client.query('set enable_seqscan = off; set enable_mergejoin = off; set enable_hashjoin = off');
  const scanning: string[] = [];
  for (const found of statements) {
    const { rows } = await client.query(`explain (generic_plan, format json) ${compileFor(postgresAdapter, found)}`);
    if (scansIn(rows[0]['QUERY PLAN'][0].Plan).length > 0) scanning.push(found.name);
  }
  await client.end();
  expect(scanning.length).toBeGreaterThan(0);
  expect(scanning.filter((name) => !allOf(SCANS).includes(name))).toEqual([]);
});

interface SqlitePlan {
  readonly name: string;
  readonly sql: string;
  readonly steps: readonly string[];
  readonly scanned: readonly string[];
  readonly hasSort: boolean;
}

function planInSqlite(database: DatabaseSync, found: FoundStatement): SqlitePlan {
  const sql = compileFor(sqliteAdapter, found);
  const rows = database.prepare(`explain query plan ${sql}`).all();
  const steps = rows.map(({ detail }) => String(detail));
  // What the statement puts together itself is as large as what went into it.
  const own = new Set([...sql.matchAll(/\) as (\w+)|recursive (\w+)/g)].map(([, name, path]) => name ?? path));
  const scanned = steps.flatMap((step) => {
    const table = /^SCAN (?!CONSTANT ROW)(\w+)(?!.* VIRTUAL TABLE)/.exec(step)?.[1];
    return table === undefined || own.has(table) ? [] : [table];
  });
  return { name: found.name, sql, steps, scanned, hasSort: steps.some((step) => step.includes('TEMP B-TREE')) };
}

interface PostgresStep {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PostgresStep[];
}

/** Indexes of some rows are as large as what they are for. */
const SMALL_INDEXES = schemaFor(sqliteAdapter).flatMap(
  (text) => /^create (?:unique )?index (\w+)[\s\S]* where /.exec(text)?.[1] ?? [],
);

function usesSmallIndex(step: string): boolean {
  return SMALL_INDEXES.some((name) => step.includes(` ${name} `));
}

function scansIn(step: PostgresStep): string[] {
  const isWhole =
    step['Node Type'] === 'Seq Scan' ||
    (step['Node Type'].startsWith('Index') &&
      step['Index Cond'] === undefined &&
      !SMALL_INDEXES.includes(step['Index Name'] ?? ''));
  const own = isWhole ? [step['Relation Name'] ?? ''] : [];
  return [...own, ...(step.Plans ?? []).flatMap(scansIn)];
}

/** A thousand rows in each table: PostgreSQL plans for nothing with an empty one. */
const FILL_ALL_TABLES = `
  do $do$
  declare name text; columns text; row_values text;
  begin
    for name in select tablename from pg_tables where schemaname = 'public' and tablename <> 'search_texts' loop
      select string_agg(quote_ident(column_name), ', '), string_agg(
          case data_type when 'bytea' then 'int8send(n)' when 'text' then '''x'' || n' else 'n' end, ', ')
        into columns, row_values from information_schema.columns where table_schema = 'public' and table_name = name;
      execute format('insert into %I (%s) select %s from generate_series(1001, 2000) n on conflict do nothing',
        name, columns, row_values);
    end loop;
  end $do$`;

function allOf(excused: Excused): string[] {
  return sorted(Object.values(excused).flat());
}

function sorted(names: readonly string[]): string[] {
  return names.toSorted();
}
