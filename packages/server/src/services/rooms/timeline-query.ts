import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely';
import { compileRead } from '../../storage/queries/compile-read.ts';
import type { EventRow } from '../../storage/queries/events.ts';
import type { QueryBuilder, QueryTables } from '../../storage/queries/query-builder.ts';
import type { CompiledRead } from '../../storage/statement.ts';
import type { EventFilter } from './event-filter.ts';
import type { TimelineQuery } from './timeline.ts';

/** Most patterns with a star that the database is asked about: each deepens the expression, which has its limits. */
const MAX_BEGINNINGS = 50;

type Events = ExpressionBuilder<QueryTables, 'events'>;
type Condition = ExpressionWrapper<QueryTables, 'events', SqlBool>;

/**
 * Reads a filtered stretch of a timeline. The database is asked for as much of the filter as both dialects answer alike
 * (exact types, types that begin so, senders, URLs); what it gives still has to pass `eventFilterMatches`.
 */
export function compileTimelineQuery(
  builder: QueryBuilder,
  { room, after, before, limit, direction }: TimelineQuery,
  filter: EventFilter,
): CompiledRead<EventRow> {
  const query = builder
    .selectFrom('events')
    .selectAll()
    .where('room_nid', '=', room.nid)
    .where('room_index', '>', after)
    .where('room_index', '<', before)
    .where((events) => events.and(conditionsOf(events, filter)))
    .orderBy('room_index', direction === 'backwards' ? 'desc' : 'asc')
    .limit(limit);
  return compileRead<EventRow>(query);
}

function conditionsOf(events: Events, filter: EventFilter): Condition[] {
  const { types, notTypes, senders, notSenders, containsUrl } = filter;
  const conditions: Condition[] = [];
  if (types !== undefined) conditions.push(...anyTypeOf(events, types));
  conditions.push(...noTypeOf(events, notTypes));
  if (senders !== undefined) conditions.push(isIn(events, 'sender', senders));
  if (notSenders.length > 0) conditions.push(events.not(isIn(events, 'sender', notSenders)));
  if (containsUrl !== undefined) conditions.push(events('has_url', '=', containsUrl ? 1 : 0));
  if (filter.relatedBySenders !== undefined || filter.relatedByRelTypes !== undefined) {
    conditions.push(isRelatedTo(events, filter));
  }
  return conditions;
}

/** What has to hold for a type to fit one of the patterns; nothing where the database could not tell of one of them. */
function anyTypeOf(events: Events, patterns: readonly string[]): Condition[] {
  const exact = patterns.filter((pattern) => !pattern.includes('*'));
  const beginnings = patterns.filter((pattern) => pattern.includes('*')).map(beginningOf);
  if (beginnings.length > MAX_BEGINNINGS || !beginnings.every(isAskable)) return [];
  return [events.or([isIn(events, 'type', exact), ...beginnings.map((text) => typeBegins(events, text))])];
}

/** What a type may not be: the exact patterns, and those that only ask for a beginning. */
function noTypeOf(events: Events, patterns: readonly string[]): Condition[] {
  const exact = patterns.filter((pattern) => !pattern.includes('*'));
  const beginnings = patterns
    .filter((pattern) => /^[^*]+\*+$/.test(pattern))
    .map(beginningOf)
    .filter(isAskable)
    .slice(0, MAX_BEGINNINGS);
  const forbidden = beginnings.map((text) => events.not(typeBegins(events, text)));
  return exact.length === 0 ? forbidden : [events.not(isIn(events, 'type', exact)), ...forbidden];
}

function beginningOf(pattern: string): string {
  return pattern.slice(0, pattern.indexOf('*'));
}

/** Without NUL and the like, on which the dialects' functions of texts disagree, and without broken Unicode. */
function isAskable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000') && !text.includes('\u0001');
}

function typeBegins(events: Events, text: string): Condition {
  const length = [...text].length;
  return events(
    events.fn<string>('substr', ['type', events.lit(1), events.cast<number>(events.val(length), 'integer')]),
    '=',
    text,
  );
}

/** Whether there is an event that relates to this one so. */
function isRelatedTo(events: Events, { relatedBySenders, relatedByRelTypes }: EventFilter): Condition {
  let relations = events
    .selectFrom('event_relations')
    .select('event_relations.event_nid')
    .whereRef('event_relations.room_nid', '=', 'events.room_nid')
    .whereRef('event_relations.parent_id', '=', 'events.event_id');
  if (relatedByRelTypes !== undefined) {
    relations = relations.where('event_relations.rel_type', 'in', askable(relatedByRelTypes));
  }
  if (relatedBySenders !== undefined) {
    relations = relations.where('event_relations.sender', 'in', askable(relatedBySenders));
  }
  return events.exists(relations);
}

/** What can be asked for; an empty list asks for what there is not. */
function askable(texts: readonly string[]): string[] {
  const wellFormed = texts.filter((text) => text.isWellFormed());
  return wellFormed.length === 0 ? [NO_TEXT] : wellFormed;
}

/** No sender and no `rel_type` that is kept. */
const NO_TEXT = ' '.repeat(1_000);

/** Broken Unicode is in no row, and no database can be asked for it. */
function isIn(events: Events, column: 'type' | 'sender', texts: readonly string[]): Condition {
  const askable = texts.filter((text) => text.isWellFormed());
  return askable.length === 0 ? events.lit(false) : events(column, 'in', askable);
}
