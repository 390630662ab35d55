import { createCache } from '../../../cache/create-cache.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { RoomRecord } from '../../rooms/room-event.ts';
import type { RoomStateReader } from '../../rooms/room-state.ts';

/** Spaces whose children are kept in memory. */
const MAX_CACHED_SPACES = 5_000;

/** Which rooms spaces name as theirs, kept until a space changes that. */
export class SpaceChildren {
  readonly #state: RoomStateReader;
  readonly #known = createCache<string, ReadonlySet<string>>(MAX_CACHED_SPACES);
  /** Counts what changed: what was read meanwhile may be out of date, and is not kept. */
  #news = 0;

  constructor(storage: Storage, state: RoomStateReader) {
    this.#state = state;
    storage.stream.follow((changes) => {
      for (const change of changes) {
        const isChild = change.kind === 'event' && change.type === 'm.space.child';
        if (!isChild && change.kind !== 'state-resolved') continue;
        this.#known.delete(change.roomId);
        this.#news += 1;
      }
    });
  }

  /** Room IDs. Spaces within the space are not looked into. */
  async of(space: RoomRecord): Promise<ReadonlySet<string>> {
    const known = this.#known.get(space.roomId);
    if (known !== undefined) return known;
    const news = this.#news;
    const children = new Set<string>();
    for (const { pdu } of await this.#state.currentOfTypes(space, ['m.space.child'])) {
      // Specification: client-server API, "Spaces": one without servers to go by was removed.
      if (Array.isArray(pdu.content.via) && pdu.stateKey !== undefined) children.add(pdu.stateKey);
    }
    if (news === this.#news) this.#known.set(space.roomId, children);
    return children;
  }
}
