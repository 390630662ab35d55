import { MatrixError } from '@limpet/protocol/matrix-error';
import { updateRoomListing } from '../../storage/queries/event-graph.ts';
import { selectRoomById } from '../../storage/queries/rooms.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Aliases } from './aliases.ts';
import { UnknownRoom } from './unknown-room.ts';

/**
 * Which rooms stand in this server's published directory. Specification: client-server API, "Published room
 * directory".
 */
export class RoomDirectory {
  readonly #storage: Storage;
  readonly #aliases: Aliases;

  constructor(storage: Storage, aliases: Aliases) {
    this.#storage = storage;
    this.#aliases = aliases;
  }

  /** Throws M_NOT_FOUND for a room that is not known here. */
  async isListed(roomId: string): Promise<boolean> {
    const [row] = await this.#storage.read(selectRoomById, { roomId });
    if (row === undefined) throw new UnknownRoom(roomId);
    return row.is_listed === 1;
  }

  /** Throws M_NOT_FOUND for a room that is not known here, M_FORBIDDEN for who may not name it. */
  async setListed(roomId: string, isListed: boolean, userId: string): Promise<void> {
    const [row] = await this.#storage.read(selectRoomById, { roomId });
    if (row === undefined) throw new UnknownRoom(roomId);
    if (!(await this.#aliases.mayName(roomId, userId))) {
      throw new MatrixError('M_FORBIDDEN', 'Only who may set the canonical alias of the room can list it.');
    }
    await this.#storage.write((transaction) =>
      transaction.run(updateRoomListing, { roomNid: row.room_nid, isListed: Number(isListed) }),
    );
  }
}
