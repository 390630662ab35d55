import { serverNameOf } from '@limpet/protocol/identifiers';
import type { EventStore } from '../event-store.ts';
import type { MembershipReader } from '../membership-reader.ts';
import type { RoomServers } from '../room-servers.ts';
import { otherServers } from './ask-servers.ts';

export interface RoomCandidatesParts {
  readonly events: EventStore;
  readonly memberships: MembershipReader;
  readonly roomServers: RoomServers;
  readonly serverName: string;
}

/** Which servers may be asked about a room that this server is not in, or no longer. */
export class RoomCandidates {
  readonly #parts: RoomCandidatesParts;

  constructor(parts: RoomCandidatesParts) {
    this.#parts = parts;
  }

  /**
   * The likeliest first: those that the client or an alias named, the inviter's, those that were in the room when this
   * server was last, the one that the room ID names.
   */
  async of(roomId: string, userId: string, named: readonly string[]): Promise<string[]> {
    const { events, memberships, roomServers, serverName } = this.#parts;
    const room = await events.room(roomId);
    const record = room === undefined ? undefined : await memberships.of(room, userId);
    const inviter = record === undefined ? undefined : serverNameOf(record.sender);
    const known = room === undefined ? [] : await roomServers.in(room);
    return otherServers([...named, inviter, ...known, serverNameOf(roomId)], serverName);
  }
}
