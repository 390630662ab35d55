import type { UserRoom } from '../user-room.ts';
import type { RoomLabels } from './room-labels.ts';
import type { RoomTraits } from './room-traits.ts';
import type { ListFilters } from './sliding-request.ts';

/** What is known of a user's rooms. What the filters do not look at need not be there. */
export interface FilterKnowledge {
  readonly labels: RoomLabels;
  /** By room nid. */
  readonly traits: ReadonlyMap<number, RoomTraits>;
  /** By room ID of a space that the user is in: the room IDs of its children. */
  readonly children: ReadonlyMap<string, ReadonlySet<string>>;
}

export function isOpenListFilter(filters: ListFilters): boolean {
  return Object.values(filters).every((filter) => filter === undefined);
}

export function needsTraits({ isEncrypted, roomTypes, notRoomTypes, roomNameLike }: ListFilters): boolean {
  return [isEncrypted, roomTypes, notRoomTypes, roomNameLike].some((filter) => filter !== undefined);
}

/** Specification: MSC4186, `SlidingRoomFilter`; MSC3575 for `room_name_like`. */
export function listFilter(filters: ListFilters, knowledge: FilterKnowledge): (room: UserRoom) => boolean {
  const { isDirect, isInvited } = filters;
  const byTraits = needsTraits(filters) ? traitsFilter(filters) : undefined;
  const inSpaces = filters.spaces && childrenOf(filters.spaces, knowledge);
  const tags = filters.tags && new Set(filters.tags);
  const notTags = filters.notTags && new Set(filters.notTags);
  return ({ room, membership }) => {
    if (isInvited !== undefined && (membership.membership === 'invite') !== isInvited) return false;
    if (isDirect !== undefined && knowledge.labels.direct.has(room.roomId) !== isDirect) return false;
    if (inSpaces !== undefined && !inSpaces.has(room.roomId)) return false;
    const tagged = knowledge.labels.tags.get(room.roomId) ?? NO_TAGS;
    if (notTags !== undefined && !tagged.isDisjointFrom(notTags)) return false;
    if (tags !== undefined && tagged.isDisjointFrom(tags)) return false;
    const traits = knowledge.traits.get(room.nid);
    return byTraits === undefined || (traits !== undefined && byTraits(traits));
  };
}

const NO_TAGS: ReadonlySet<string> = new Set();

function traitsFilter({ isEncrypted, roomTypes, notRoomTypes, roomNameLike }: ListFilters) {
  const types = roomTypes && new Set(roomTypes);
  const notTypes = notRoomTypes && new Set(notRoomTypes);
  const part = roomNameLike?.toLowerCase();
  return (traits: RoomTraits): boolean => {
    const type = traits.roomType ?? null;
    if (isEncrypted !== undefined && traits.isEncrypted !== isEncrypted) return false;
    if (notTypes?.has(type) || types?.has(type) === false) return false;
    return part === undefined || (traits.name ?? '').toLowerCase().includes(part);
  };
}

/** Spaces that the user is not in are passed over. */
function childrenOf(spaces: readonly string[], { children }: FilterKnowledge): ReadonlySet<string> {
  const rooms = new Set<string>();
  for (const space of spaces) for (const roomId of children.get(space) ?? []) rooms.add(roomId);
  return rooms;
}
