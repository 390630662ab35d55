import { MatrixError } from '@limpet/protocol/matrix-error';
import type { StreamVector } from '../../storage/stream.ts';
import type { StickyCursor } from '../sticky-events/sticky-cursor.ts';
import { base36, joinAscending, parseBase36, sumUp } from './base36.ts';

/**
 * What `next_batch`, `prev_batch`, `from`, `to` and `at` are made of: opaque to clients, the same for all endpoints.
 *
 * `s1_TAG_VECTOR[_kSTICKY][_dDEVICE]`: version 1, the tag of this database, for each writer `number-position` joined by
 * dots; where the sticky section has more to give `effective.due[.delivered…]`, the delivered positions as differences;
 * where to-device messages have, the position they have come to. Numbers in base 36. A place in one room's timeline is
 * `t1_TAG_INDEX`.
 */
export interface SyncToken {
  readonly vector: StreamVector;
  /** How far the sticky section has come; `undefined` when everything due at `vector` was delivered. */
  readonly sticky: StickyCursor | undefined;
  /** How far to-device messages have come; `undefined` when all up to `vector` were delivered. */
  readonly toDeviceUpTo: number | undefined;
}

/** Longest token we take, in characters; our own are far shorter. */
const MAX_TOKEN_LENGTH = 12_000;
/** Most positions that a cursor lists as delivered ahead of their turn: what keeps a token within a header line. */
export const MAX_DELIVERED_AHEAD = 1_000;

export function formatSyncToken(token: SyncToken, databaseTag: string): string {
  const vector = [...token.vector].map(([writer, position]) => `${base36(writer)}-${base36(position)}`).join('.');
  const sticky = token.sticky === undefined ? '' : `_k${formatCursor(token.sticky)}`;
  const toDevice = token.toDeviceUpTo === undefined ? '' : `_d${base36(token.toDeviceUpTo)}`;
  return `s1_${databaseTag}_${vector}${sticky}${toDevice}`;
}

/**
 * @throws MatrixError M_INVALID_PARAM for anything but a token that this database gave out: of another server, of a
 *   restored older database (its positions lie in the future), or none at all. The message names `parameter`.
 */
export function parseSyncToken(
  text: string,
  { databaseTag, current, parameter }: { databaseTag: string; current: StreamVector; parameter: string },
): SyncToken {
  const invalid = (why: string) =>
    new MatrixError('M_INVALID_PARAM', `${parameter} ${why}. Leave it out to start with an initial sync.`);
  const [kind, tag, places = '', ...rests] = text.split('_');
  if (text.length > MAX_TOKEN_LENGTH || kind !== 's1') throw invalid('is not a sync token of this server');
  if (tag !== databaseTag) throw invalid('is a token of another server or another database');
  const vector = parseVector(places);
  const rest = parseRests(rests);
  if (vector === undefined || rest === undefined) throw invalid('is not a sync token of this server');
  for (const [writer, position] of vector) {
    const last = current.get(writer);
    if (last === undefined) throw invalid('is not a sync token of this server');
    if (position > last) throw invalid('lies in the future of this server');
  }
  if (!restsWithin(rest, Math.max(...vector.values()))) throw invalid('is not a sync token of this server');
  return { vector, ...rest };
}

/** Nothing can have been delivered that lies beyond the vector. */
function restsWithin({ sticky, toDeviceUpTo }: Rests, last: number): boolean {
  const reached = [sticky?.passed.effective ?? 0, sticky?.passed.due ?? 0, sticky?.delivered.at(-1) ?? 0];
  return Math.max(...reached, toDeviceUpTo ?? 0) <= last;
}

type Rests = Omit<SyncToken, 'vector'>;

function parseRests(rests: readonly string[]): Rests | undefined {
  let sticky: StickyCursor | undefined;
  let toDeviceUpTo: number | undefined;
  for (const rest of rests) {
    const text = rest.slice(1);
    if (rest.startsWith('k') && sticky === undefined) sticky = parseCursor(text);
    else if (rest.startsWith('d') && toDeviceUpTo === undefined) toDeviceUpTo = parseBase36(text);
    else return undefined;
  }
  return rests.length === [sticky, toDeviceUpTo].filter((one) => one !== undefined).length
    ? { sticky, toDeviceUpTo }
    : undefined;
}

/** A place between events of one room's timeline: what is older has a `room_index` up to this. */
export function formatTimelineToken(roomIndex: number, databaseTag: string): string {
  return `t1_${databaseTag}_${base36(roomIndex)}`;
}

/** The `room_index` of a timeline token; `undefined` if this is none of ours (it may be a sync token). */
export function parseTimelineToken(text: string, databaseTag: string): number | undefined {
  const [kind, tag, index, ...rest] = text.split('_');
  if (kind !== 't1' || tag !== databaseTag || index === undefined || rest.length > 0) return undefined;
  // Backfilled events stand below zero.
  const isNegative = index.startsWith('-');
  const value = parseBase36(isNegative ? index.slice(1) : index);
  return value !== undefined && isNegative ? -value : value;
}

function formatCursor({ passed, delivered }: StickyCursor): string {
  const ahead = delivered.length === 0 ? '' : `.${joinAscending(delivered)}`;
  return `${base36(passed.effective)}.${base36(passed.due)}${ahead}`;
}

function parseVector(text: string): StreamVector | undefined {
  const vector = new Map<number, number>();
  for (const entry of text.split('.')) {
    const [writer, position, ...rest] = entry.split('-').map(parseBase36);
    if (writer === undefined || position === undefined || rest.length > 0 || vector.has(writer)) return undefined;
    vector.set(writer, position);
  }
  return vector;
}

function parseCursor(text: string): StickyCursor | undefined {
  const [effective, due, ...differences] = text.split('.').map(parseBase36);
  if (effective === undefined || due === undefined || differences.length > MAX_DELIVERED_AHEAD) return undefined;
  const delivered = sumUp(differences);
  return delivered && { passed: { effective, due }, delivered };
}
