import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { EventStore } from '../../rooms/event-store.ts';
import { MAX_ALLOWED_ROOMS } from '../../rooms/restricted-joins.ts';
import type { RoomRecord } from '../../rooms/room-event.ts';
import type { RoomStateReader } from '../../rooms/room-state.ts';
import { isOpen, type RoomSummaries, type RoomSummary } from '../../rooms/room-summaries.ts';
import { presentSpaceLink, readSpaceLinks } from '../../rooms/space-links.ts';
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
    const links = await readSpaceLinks(this.#parts.state, summary, suggestedOnly);
    const children: JsonObject[] = [];
    const inaccessible: string[] = [];
    for (const { pdu } of links.slice(0, MAX_CHILDREN)) {
      const child = await this.#summaryOf(pdu.stateKey ?? '');
      if (child === undefined) continue;
      if (await this.#isAccessible(child, serverName)) children.push(await this.#parts.summaries.presentWhole(child));
      else inaccessible.push(child.room.roomId);
    }
    const whole = await this.#parts.summaries.presentWhole(summary);
    const room = { ...whole, children_state: links.map(presentSpaceLink) };
    return { room, children, inaccessible_children: inaccessible };
  }

  /** `undefined` for a room of which nothing is known here, or nothing of today. */
  async #summaryOf(roomId: string): Promise<RoomSummary | undefined> {
    const room = await this.#parts.events.room(roomId);
    const summary = room === undefined ? undefined : await this.#parts.summaries.of(room);
    return summary?.isResident === true ? summary : undefined;
  }

  async #isAccessible(summary: RoomSummary, serverName: string) {
    const { room, isFederated, allowedRoomIds } = summary;
    if (!isFederated) return false;
    if (isOpen(summary)) return true;
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
}
