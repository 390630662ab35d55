import { asRoomId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { contentOf } from '@limpet/protocol/pdu';
import type { EventStore } from '../../rooms/event-store.ts';
import { MAX_ALLOWED_ROOMS } from '../../rooms/restricted-joins.ts';
import type { RoomEvent, RoomRecord } from '../../rooms/room-event.ts';
import type { RoomStateReader } from '../../rooms/room-state.ts';
import type { RoomSummaries, RoomSummary } from '../../rooms/room-summaries.ts';
import { stripEvent } from '../../rooms/strip-event.ts';
import type { UsersOfServers } from '../../rooms/users-of-servers.ts';

/** Children of one space that are told of: the first in its order. */
const MAX_CHILDREN = 200;

interface SpaceHierarchyParts {
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly usersOfServers: UsersOfServers;
  readonly summaries: RoomSummaries;
}

/** Tells other servers of spaces. Specification: server-server API, "Spaces". */
export class SpaceHierarchy {
  readonly #parts: SpaceHierarchyParts;

  constructor(parts: SpaceHierarchyParts) {
    this.#parts = parts;
  }

  /** Throws M_NOT_FOUND for a room that is not known here, or that nobody of this server could look into or join. */
  async of(roomId: string, serverName: string, suggestedOnly: boolean): Promise<JsonObject> {
    const summary = await this.#summaryOf(roomId);
    if (summary === undefined || !(await this.#isAccessible(summary, serverName))) {
      throw new MatrixError('M_NOT_FOUND', `The room ${roomId} is not known here, or closed.`);
    }
    const links = await this.#childLinks(summary, suggestedOnly);
    const children: JsonObject[] = [];
    const inaccessible: string[] = [];
    for (const { pdu } of links.slice(0, MAX_CHILDREN)) {
      const child = await this.#summaryOf(pdu.stateKey ?? '');
      if (child === undefined) continue;
      if (await this.#isAccessible(child, serverName)) children.push(await this.#present(child));
      else inaccessible.push(child.room.roomId);
    }
    const room = { ...(await this.#present(summary)), children_state: links.map(presentLink) };
    return { room, children, inaccessible_children: inaccessible };
  }

  /** `undefined` for a room of which nothing is known here, or nothing of today. */
  async #summaryOf(roomId: string): Promise<RoomSummary | undefined> {
    const room = await this.#parts.events.room(roomId);
    const summary = room === undefined ? undefined : await this.#parts.summaries.of(room);
    return summary?.isResident === true ? summary : undefined;
  }

  async #present(summary: RoomSummary): Promise<JsonObject> {
    const chunk = await this.#parts.summaries.present(summary);
    const { allowedRoomIds } = summary;
    return allowedRoomIds.length === 0 ? chunk : { ...chunk, allowed_room_ids: [...allowedRoomIds] };
  }

  async #isAccessible(
    { room, joinRule, isWorldReadable, isFederated, allowedRoomIds }: RoomSummary,
    serverName: string,
  ) {
    if (!isFederated) return false;
    if (isWorldReadable || OPEN_JOIN_RULES.has(joinRule)) return true;
    if (await this.#isIn(room, serverName)) return true;
    for (const roomId of allowedRoomIds.slice(0, MAX_ALLOWED_ROOMS)) {
      const allowed = await this.#parts.events.room(roomId);
      if (allowed !== undefined && (await this.#isIn(allowed, serverName))) return true;
    }
    return false;
  }

  /** Whether a user of the server is joined to the room, or invited. */
  async #isIn(room: RoomRecord, serverName: string): Promise<boolean> {
    const users = await this.#parts.usersOfServers.of(room, serverName);
    return users.some(({ membership }) => membership === 'join' || membership === 'invite');
  }

  /** The `m.space.child` events that point somewhere, in the order of the space. */
  async #childLinks({ room, roomType }: RoomSummary, suggestedOnly: boolean): Promise<RoomEvent[]> {
    if (roomType !== 'm.space') return [];
    const links = await this.#parts.state.currentOfTypes(room, ['m.space.child']);
    return links.filter((link) => isLink(link) && (!suggestedOnly || isSuggested(link))).sort(compareLinks);
  }
}

/** What anybody may join, or ask to. */
const OPEN_JOIN_RULES: ReadonlySet<string> = new Set(['public', 'knock', 'knock_restricted']);

function isLink({ pdu }: RoomEvent): boolean {
  const via = contentOf(pdu, 'via');
  return asRoomId(pdu.stateKey) !== undefined && Array.isArray(via) && via.some((name) => typeof name === 'string');
}

function isSuggested({ pdu }: RoomEvent): boolean {
  return contentOf(pdu, 'suggested') === true;
}

function presentLink(link: RoomEvent): JsonObject {
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
