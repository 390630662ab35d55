import { selectRoomsOfServer, selectServersOfRoom } from '../../storage/queries/room-servers.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RoomRecord } from './room-event.ts';

/** Which other servers are in which rooms, as the table has it. Changes are published as `room-server`. */
export class RoomServers {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** The other servers with a joined user in the room now. */
  async in(room: RoomRecord): Promise<ReadonlySet<string>> {
    const rows = await this.#storage.read(selectServersOfRoom, { roomNid: room.nid });
    return new Set(rows.map((row) => row.server_name));
  }

  /** The nids of the rooms that this other server is in now. */
  async roomsOf(serverName: string): Promise<readonly number[]> {
    const rows = await this.#storage.read(selectRoomsOfServer, { serverName });
    return rows.map((row) => row.room_nid);
  }
}
