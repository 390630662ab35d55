import { MatrixError } from '@limpet/protocol/matrix-error';
import type { StreamVector } from '../../../../storage/stream.ts';
import { base36, joinAscending, parseBase36, sumUp } from '../../base36.ts';
import { MAX_DELIVERED_IN_ROOM, MAX_NAMED_ROOMS, type RoomProgress, type StickyProgress } from './sticky-progress.ts';

/**
 * Longest token we take, in characters: it comes in a body. Ours have some twenty, and four more for each room that is
 * owed something.
 */
const MAX_TOKEN_LENGTH = 400_000;

/**
 * `next_batch` and `since` of the extension: opaque to clients, good for any connection and after any restart.
 *
 * `e1_TAG_WRITER.SEEN.MARK[_mMARK.ROOMS…][_rROOM.MARK.DELIVERED…]`: rooms that stand at another mark, together where
 * they share it; and those of which something was delivered ahead. Lists as differences, numbers in base 36.
 */
export function formatStickyToken({ writer, seenUpTo, mark, rooms }: StickyProgress, databaseTag: string): string {
  const parts = [`e1_${databaseTag}_${[writer, seenUpTo, mark].map(base36).join('.')}`];
  const byMark = new Map<number, number[]>();
  for (const [nid, room] of rooms) {
    if (room.delivered.length > 0) {
      parts.push(`r${base36(nid)}.${base36(room.mark)}.${joinAscending(room.delivered)}`);
      continue;
    }
    const together = byMark.get(room.mark);
    if (together === undefined) byMark.set(room.mark, [nid]);
    else together.push(nid);
  }
  for (const [roomMark, nids] of byMark) {
    parts.push(`m${base36(roomMark)}.${joinAscending(nids.sort((left, right) => left - right))}`);
  }
  return parts.join('_');
}

/**
 * `undefined` for a token of another database, or of one that was put back since (its positions lie in the future): it
 * is taken for none, as a client cannot get rid of it otherwise.
 * @throws MatrixError M_INVALID_PARAM for what was never such a token.
 */
export function parseStickyToken(
  text: string,
  { databaseTag, current }: { databaseTag: string; current: StreamVector },
): StickyProgress | undefined {
  const progress = text.length > MAX_TOKEN_LENGTH ? undefined : parse(text);
  if (progress === undefined) {
    throw new MatrixError('M_INVALID_PARAM', 'since is not a token of sticky events. Leave it out to get them all.');
  }
  const { tag, writer, seenUpTo, mark } = progress;
  const last = current.get(writer);
  return tag !== databaseTag || last === undefined || Math.max(seenUpTo, mark) > last ? undefined : progress;
}

function parse(text: string): (StickyProgress & { readonly tag: string }) | undefined {
  const [kind, tag, head = '', ...parts] = text.split('_');
  const [writer, seenUpTo, mark, ...rest] = head.split('.').map(parseBase36);
  if (kind !== 'e1' || tag === undefined || rest.length > 0) return undefined;
  if (writer === undefined || seenUpTo === undefined || mark === undefined) return undefined;
  const rooms = new Map<number, RoomProgress>();
  for (const part of parts) {
    for (const [nid, room] of parsePart(part)) rooms.set(nid, room);
    if (rooms.size > MAX_NAMED_ROOMS) return undefined;
  }
  return rooms.size < parts.length ? undefined : { tag, writer, seenUpTo, mark, rooms };
}

/** Empty for what is no part. */
function parsePart(part: string): (readonly [number, RoomProgress])[] {
  const [first, ...others] = part.slice(1).split('.').map(parseBase36);
  if (first === undefined) return [];
  if (part.startsWith('m')) return (sumUp(others) ?? []).map((nid) => [nid, { mark: first, delivered: [] }] as const);
  const [mark, ...differences] = others;
  const delivered = differences.length > MAX_DELIVERED_IN_ROOM ? undefined : sumUp(differences);
  if (!part.startsWith('r') || mark === undefined || delivered === undefined) return [];
  return [[first, { mark, delivered }]];
}
