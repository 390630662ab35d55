import { createCache } from '../../cache/create-cache.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { selectJoinedUserOfServer } from '../../storage/queries/event-presence.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RoomRecord } from './room-event.ts';

/** Rooms of which it is known whether a user of this server is in them. */
const MAX_KNOWN_ROOMS = 20_000;

/** In which rooms this server is: those with a joined user of its own. */
export class LocalMembers {
  readonly #storage: Storage;
  readonly #suffix: string;
  readonly #known = createCache<string, boolean>(MAX_KNOWN_ROOMS);
  /** Changes that were published, to tell whether one came while a room was looked up. */
  #changes = 0;

  constructor(storage: Storage, serverName: string) {
    this.#storage = storage;
    this.#suffix = `:${serverName}`;
    storage.stream.follow((changes) => this.#note(changes));
  }

  async areIn(room: Pick<RoomRecord, 'nid' | 'roomId'>): Promise<boolean> {
    const known = this.#known.get(room.roomId);
    if (known !== undefined) return known;
    const changesBefore = this.#changes;
    const rows = await this.#storage.read(selectJoinedUserOfServer, { roomNid: room.nid, suffix: this.#suffix });
    const areIn = rows.length > 0;
    if (this.#changes === changesBefore) this.#known.set(room.roomId, areIn);
    return areIn;
  }

  #note(changes: readonly PublishedChange[]): void {
    for (const change of changes) {
      if (change.kind !== 'membership' || !change.userId.endsWith(this.#suffix)) continue;
      this.#changes++;
      this.#known.delete(change.roomId);
    }
  }
}
