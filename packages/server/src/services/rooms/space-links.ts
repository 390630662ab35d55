import { asRoomId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { contentOf } from '@limpet/protocol/pdu';
import type { RoomEvent } from './room-event.ts';
import type { RoomStateReader } from './room-state.ts';
import type { RoomSummary } from './room-summaries.ts';
import { stripEvent } from './strip-event.ts';

/**
 * The `m.space.child` events of a space that point somewhere, in the order of the space; none where it is no space.
 * Specification: client-server API, "Spaces".
 */
export async function readSpaceLinks(
  state: RoomStateReader,
  { room, roomType }: RoomSummary,
  suggestedOnly: boolean,
): Promise<RoomEvent[]> {
  if (roomType !== 'm.space') return [];
  const links = await state.currentOfTypes(room, ['m.space.child']);
  return links.filter((link) => isLink(link) && (!suggestedOnly || isSuggested(link))).sort(compareLinks);
}

function isLink({ pdu }: RoomEvent): boolean {
  const via = contentOf(pdu, 'via');
  return asRoomId(pdu.stateKey) !== undefined && Array.isArray(via) && via.some((name) => typeof name === 'string');
}

function isSuggested({ pdu }: RoomEvent): boolean {
  return contentOf(pdu, 'suggested') === true;
}

export function presentSpaceLink(link: RoomEvent): JsonObject {
  return { ...stripEvent(link.pdu), origin_server_ts: link.pdu.originServerTs };
}

/** Specification: client-server API, "Ordering of children within a space". */
function compareLinks(left: RoomEvent, right: RoomEvent): number {
  const [leftOrder, rightOrder] = [orderOf(left), orderOf(right)];
  if (leftOrder !== rightOrder) {
    if (leftOrder === undefined) return 1;
    if (rightOrder === undefined) return -1;
    return leftOrder < rightOrder ? -1 : 1;
  }
  const byTime = left.pdu.originServerTs - right.pdu.originServerTs;
  return byTime !== 0 ? byTime : (left.pdu.stateKey ?? '') < (right.pdu.stateKey ?? '') ? -1 : 1;
}

function orderOf({ pdu }: RoomEvent): string | undefined {
  const order = contentOf(pdu, 'order');
  return typeof order === 'string' && /^[ -~]{1,50}$/.test(order) ? order : undefined;
}
