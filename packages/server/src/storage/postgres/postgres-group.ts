import type { Client, QueryConfig, QueryResult } from 'pg';
import type { BatchResult, GroupBatch, Row, WriteGroup, WriteStep } from '../write-group.ts';
import { classifyFailure } from './postgres-failure.ts';
import { type LearnedStatement, postgresQuery } from './postgres-query.ts';

/** When the server has not answered for so long, the connection is taken as lost. */
const ANSWER_TIMEOUT_MS = 60_000;
const COMMIT: TimedQuery = { text: 'commit', query_timeout: ANSWER_TIMEOUT_MS };

/** `pg` takes a timeout with each query too; its types do not know. */
interface TimedQuery extends QueryConfig {
  readonly query_timeout: number;
}

/** What is known while a group is on its way: with the results known, only the commit itself can be in doubt. */
export interface GroupProgress {
  results: BatchResult[] | undefined;
  isCommitSent: boolean;
}

export interface PostgresGroupParts {
  readonly client: Client;
  readonly writer: number;
  readonly sqlOf: (statement: number) => string;
  /** By number of statement; lives as long as the storage. */
  readonly learned: Map<number, LearnedStatement>;
}

/**
 * Writes one group in one transaction. Statements are sent without waiting for one another (pipelined), and at first
 * without savepoints, since nearly always nothing fails.
 */
export async function writePostgresGroup(
  parts: PostgresGroupParts,
  group: WriteGroup,
  progress: GroupProgress,
): Promise<BatchResult[]> {
  const first = isBlind(group) ? runBlind : runAll;
  return (await first(parts, group, progress)) ?? runEach(parts, group, progress);
}

/** Whether the results are known before: nothing is asked for and nothing expected. */
function isBlind(group: WriteGroup): boolean {
  return group.batches.every((batch) => batch.steps.every((step) => step.kind === 'run'));
}

/** All in one round trip, the commit too: should a statement fail, PostgreSQL makes a rollback of the commit. */
async function runBlind(
  parts: PostgresGroupParts,
  group: WriteGroup,
  progress: GroupProgress,
): Promise<BatchResult[] | undefined> {
  const { client } = parts;
  const results: BatchResult[] = group.batches.map(() => ({ outcome: 'committed', rows: [] }));
  progress.results = results;
  progress.isCommitSent = true;
  const steps = group.batches.flatMap((batch) => batch.steps);
  const [, , , commit] = await settleAll([
    client.query('begin'),
    settleAll(steps.map((step) => runStep(parts, step))).catch(ignoreFaultOfStatement),
    savePosition(parts, group).catch(ignoreAborted),
    client.query(COMMIT),
  ]);
  if (commit.command === 'COMMIT') return results;
  progress.results = undefined;
  progress.isCommitSent = false;
  return undefined;
}

async function runAll(
  parts: PostgresGroupParts,
  group: WriteGroup,
  progress: GroupProgress,
): Promise<BatchResult[] | undefined> {
  const { client } = parts;
  const [, results] = await settleAll([
    client.query('begin'),
    settleAll(group.batches.map((batch) => runBatch(parts, batch))),
    savePosition(parts, group).catch(ignoreAborted),
  ]);
  if (results.some((result) => result.outcome !== 'committed')) {
    await client.query('rollback');
    return undefined;
  }
  await commitKnown(client, results, progress);
  return results;
}

async function runEach(parts: PostgresGroupParts, group: WriteGroup, progress: GroupProgress): Promise<BatchResult[]> {
  const { client } = parts;
  const failedLanes = new Set<string>();
  const results: BatchResult[] = [];
  await client.query('begin');
  for (const batch of group.batches) {
    if (batch.lane !== undefined && failedLanes.has(batch.lane)) {
      results.push({ outcome: 'stale' });
      continue;
    }
    const [, result] = await settleAll([client.query('savepoint batch'), runBatch(parts, batch)]);
    results.push(result);
    if (result.outcome === 'committed') {
      await client.query('release savepoint batch');
    } else {
      await client.query('rollback to savepoint batch');
      if (batch.lane !== undefined) failedLanes.add(batch.lane);
    }
  }
  await savePosition(parts, group);
  await commitKnown(client, results, progress);
  return results;
}

async function commitKnown(client: Client, results: BatchResult[], progress: GroupProgress): Promise<void> {
  progress.results = results;
  progress.isCommitSent = true;
  const { command } = await client.query(COMMIT);
  if (command !== 'COMMIT') throw new Error(`PostgreSQL answered the commit with ${command}`);
}

async function runBatch(parts: PostgresGroupParts, batch: GroupBatch): Promise<BatchResult> {
  const answers = await Promise.allSettled(batch.steps.map((step) => runStep(parts, step)));
  const rows: Row[][] = [];
  for (const [index, step] of batch.steps.entries()) {
    const answer = answers[index];
    if (answer === undefined) throw new Error('A statement has no answer');
    if (answer.status === 'rejected') {
      ignoreFaultOfStatement(answer.reason);
      const message = answer.reason instanceof Error ? answer.reason.message : String(answer.reason);
      return { outcome: 'statement-failed', message, sql: parts.sqlOf(step.statement) };
    }
    if (step.kind === 'expect' && !answer.value.rowCount) {
      return { outcome: 'expectation-failed', expectation: step.expectation };
    }
    if (step.kind === 'fetch') rows.push(answer.value.rows);
  }
  return { outcome: 'committed', rows };
}

function runStep(parts: PostgresGroupParts, step: WriteStep): Promise<QueryResult> {
  let statement = parts.learned.get(step.statement);
  if (statement === undefined) {
    statement = { name: `s${step.statement}`, typeNumbers: [] };
    parts.learned.set(step.statement, statement);
  }
  return parts.client.query(postgresQuery(parts.sqlOf(step.statement), step.parameters, statement));
}

function savePosition({ client, writer }: PostgresGroupParts, group: WriteGroup): Promise<QueryResult> {
  const text = 'update writers set position = $1, last_group = $2 where writer = $3';
  const values = [group.position, group.number, writer];
  const query: TimedQuery = { name: 'save_position', text, values, query_timeout: ANSWER_TIMEOUT_MS };
  return client.query(query);
}

/** Waits for every one, so that nothing is under way any more when the first failure is thrown. */
async function settleAll<T extends readonly unknown[]>(
  promises: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  const settled = await Promise.allSettled(promises);
  for (const answer of settled) if (answer.status === 'rejected') throw answer.reason;
  return settled.map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined)) as unknown as T;
}

/** A statement that fails makes its batch fail; any other failure is one of the whole group. */
function ignoreFaultOfStatement(error: unknown): void {
  if (!isAborted(error) && classifyFailure(error) !== 'statement') throw error;
}

/** The failure that aborted the transaction was told already. */
function ignoreAborted(error: unknown): void {
  if (!isAborted(error)) throw error;
}

function isAborted(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '25P02';
}
