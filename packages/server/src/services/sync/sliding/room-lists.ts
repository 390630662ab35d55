import type { UserRoom } from '../user-room.ts';
import { type FilterKnowledge, isOpenListFilter, listFilter, needsTraits } from './list-filter.ts';
import type { RoomLabels } from './room-labels.ts';
import type { KnownRoomTraits } from './room-traits.ts';
import type { ListRule } from './sliding-request.ts';
import type { SpaceChildren } from './space-children.ts';

/** Most rooms in the windows of one list. */
const MAX_WINDOW_ROOMS = 10_000;

export interface RoomList {
  /** The rooms in its windows. */
  readonly window: readonly UserRoom[];
  /** All rooms that its filters let pass. */
  readonly matching: readonly UserRoom[];
}

export interface ListSources {
  readonly traits: KnownRoomTraits;
  readonly spaces: SpaceChildren;
}

/** Cuts the lists of a request from the ranked rooms of the user. Reads what filters look at, and no room by itself. */
export async function cutLists(
  lists: ReadonlyMap<string, ListRule>,
  rooms: readonly UserRoom[],
  { labels, sources }: { labels: RoomLabels; sources: ListSources },
): Promise<ReadonlyMap<string, RoomList>> {
  const filters = [...lists.values()].map((list) => list.filters);
  const knowledge: FilterKnowledge = {
    labels,
    traits: filters.some(needsTraits) ? await sources.traits.of(rooms) : new Map(),
    children: await readChildren(new Set(filters.flatMap(({ spaces }) => spaces ?? [])), rooms, sources),
  };
  const cut = new Map<string, RoomList>();
  for (const [name, list] of lists) {
    const matching = isOpenListFilter(list.filters) ? rooms : rooms.filter(listFilter(list.filters, knowledge));
    cut.set(name, { matching, window: windowOf(matching, list.ranges) });
  }
  return cut;
}

async function readChildren(
  spaces: ReadonlySet<string>,
  rooms: readonly UserRoom[],
  sources: ListSources,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const children = new Map<string, ReadonlySet<string>>();
  if (spaces.size === 0) return children;
  for (const { room, membership } of rooms) {
    const isAsked = membership.membership === 'join' && spaces.has(room.roomId);
    if (isAsked) children.set(room.roomId, await sources.spaces.of(room));
  }
  return children;
}

/** Ranges may reach beyond the end, and over each other. */
function windowOf<Room>(rooms: readonly Room[], ranges: ListRule['ranges']): readonly Room[] {
  if (ranges === undefined) return rooms.slice(0, MAX_WINDOW_ROOMS);
  const window: Room[] = [];
  let next = 0;
  for (const [first, last] of [...ranges].sort(([one], [other]) => one - other)) {
    const from = Math.max(first, next);
    const part = rooms.slice(from, Math.min(last + 1, from + MAX_WINDOW_ROOMS - window.length));
    for (const room of part) window.push(room);
    next = Math.max(next, last + 1);
  }
  return window;
}
