import { MatrixError } from '@limpet/protocol/matrix-error';
import type { EventStore } from '../../rooms/event-store.ts';
import type { RoomRecord } from '../../rooms/room-event.ts';
import type { RoomStateReader } from '../../rooms/room-state.ts';
import { checkServerAcl } from '../../rooms/server-acl.ts';
import type { ServerSight, ServerStanding } from '../../rooms/server-sight.ts';

interface RoomGateParts {
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly sight: ServerSight;
}

/** Decides whether another server may ask something of a room at all. */
export class RoomGate {
  readonly #parts: RoomGateParts;

  constructor(parts: RoomGateParts) {
    this.#parts = parts;
  }

  /**
   * For who wants to get in or out. Throws M_NOT_FOUND for a room that is not known here, M_FORBIDDEN where its ACL
   * shuts the server out.
   */
  async approach(roomId: string, serverName: string): Promise<RoomRecord> {
    const room = await this.#parts.events.room(roomId);
    if (room === undefined) throw new MatrixError('M_NOT_FOUND', `The room ${roomId} is not known here.`);
    await this.checkAcl(room, serverName);
    return room;
  }

  /**
   * For who is in the room, or was: it looks at the past. Throws M_FORBIDDEN for anybody else, the same for a room that
   * is not known here: nobody shall learn which rooms there are.
   */
  async enter(roomId: string, serverName: string): Promise<{ room: RoomRecord; standing: ServerStanding }> {
    const room = await this.#parts.events.room(roomId);
    const standing = room === undefined ? undefined : await this.#parts.sight.standing(room, serverName);
    if (room === undefined || standing === undefined) throw notInRoom(serverName);
    await this.checkAcl(room, serverName);
    return { room, standing };
  }

  /** Specification: server-server API, "Server Access Control Lists (ACLs)". Throws M_FORBIDDEN. */
  async checkAcl(room: RoomRecord, serverName: string): Promise<void> {
    const acl = await this.#parts.state.current(room, 'm.room.server_acl', '');
    const verdict = checkServerAcl(acl?.pdu.content, serverName);
    if (!verdict.allowed) throw new MatrixError('M_FORBIDDEN', verdict.reason);
  }
}

export function notInRoom(serverName: string): MatrixError {
  return new MatrixError('M_FORBIDDEN', `No user of ${serverName} is in this room.`);
}
