import type { Pdu } from '../pdu.ts';

/**
 * The tie-break that every ordering of state resolution v2 ends in: the earlier `origin_server_ts` first, then the
 * lesser event ID. Negative where `left` comes first; zero only for one and the same event ID.
 */
export function compareByTimeAndId(left: Pdu, right: Pdu): number {
  return left.originServerTs - right.originServerTs || compareCodePoints(left.eventId, right.eventId);
}

/**
 * Compares text by Unicode code points, as servers in other languages do. JavaScript's `<` compares UTF-16 units and
 * differs above U+FFFF, which event IDs chosen by a server (room versions 1 and 2) can hold.
 */
export function compareCodePoints(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    if (left.charCodeAt(index) === right.charCodeAt(index)) continue;
    return rankOfUnit(left.charCodeAt(index)) - rankOfUnit(right.charCodeAt(index));
  }
  return left.length - right.length;
}

/** Surrogates, which stand for the code points above U+FFFF, rank above every other unit. */
function rankOfUnit(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
