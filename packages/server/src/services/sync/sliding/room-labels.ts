import { isJsonObject, type JsonValue } from '@limpet/protocol/json';
import { createCache } from '../../../cache/create-cache.ts';
import { selectAccountData } from '../../../storage/queries/account-data.ts';
import { selectTags } from '../../../storage/queries/sliding-sync.ts';
import type { Storage } from '../../../storage/storage.ts';

/** Users whose labels are kept in memory. */
const MAX_CACHED_USERS = 5_000;

/** What a user's account data say of his rooms, by room ID. */
export interface RoomLabels {
  /** Rooms for talking to somebody directly (`m.direct`). */
  readonly direct: ReadonlySet<string>;
  readonly tags: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Labels of rooms, kept until the user changes them. */
export class KnownRoomLabels {
  readonly #storage: Storage;
  readonly #known = createCache<string, Promise<RoomLabels>>(MAX_CACHED_USERS);

  constructor(storage: Storage) {
    this.#storage = storage;
    storage.stream.follow((changes) => {
      for (const change of changes) {
        const isLabel = change.kind === 'account-data' && (change.type === 'm.direct' || change.type === 'm.tag');
        if (isLabel) this.#known.delete(change.userId);
      }
    });
  }

  of(userId: string): Promise<RoomLabels> {
    const known = this.#known.get(userId);
    if (known !== undefined) return known;
    const read = this.#read(userId);
    this.#known.set(userId, read);
    read.catch(() => {
      // Whoever asked is told; the next one reads again.
      if (this.#known.get(userId) === read) this.#known.delete(userId);
    });
    return read;
  }

  async #read(userId: string): Promise<RoomLabels> {
    const [direct] = await this.#storage.read(selectAccountData, { userId, roomId: '', type: 'm.direct' });
    const rows = await this.#storage.read(selectTags, { userId });
    const tags = rows.map((row) => [row.room_id, tagNames(JSON.parse(row.content_json))] as const);
    return { direct: directRooms(direct && JSON.parse(direct.content_json)), tags: new Map(tags) };
  }
}

/** The content of `m.direct`: a list of room IDs for each user. */
function directRooms(content: JsonValue | undefined): Set<string> {
  const rooms = new Set<string>();
  for (const roomIds of isJsonObject(content) ? Object.values(content) : []) {
    for (const roomId of Array.isArray(roomIds) ? roomIds : []) if (typeof roomId === 'string') rooms.add(roomId);
  }
  return rooms;
}

function tagNames(content: JsonValue): Set<string> {
  return new Set(isJsonObject(content) && isJsonObject(content.tags) ? Object.keys(content.tags) : []);
}
