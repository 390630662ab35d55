import { rangesBetween, type StreamRange } from '../../../../storage/stream.ts';
import type { UserRoom } from '../../user-room.ts';
import type { ExtensionsInput } from './extensions-input.ts';

/** The reserved keys of an extension's request that say of which rooms it tells. */
export interface RoomsWanted {
  readonly lists?: readonly string[];
  readonly rooms?: readonly string[];
}

const ALL = '*';

/**
 * The rooms in the windows of lists, and the subscribed ones, as far as the extension wants them, each once.
 * What happened in a room while the extension did not want it is not told later; no client is known to change that.
 * Specification: MSC4186, "Extensions".
 */
export function roomsOfExtension({ lists, rooms }: RoomsWanted, input: ExtensionsInput): UserRoom[] {
  const found = new Map<number, UserRoom>();
  const isWanted = (names: readonly string[] | undefined) => {
    if (names === undefined || names.includes(ALL)) return () => true;
    const wanted = new Set(names);
    return (name: string) => wanted.has(name);
  };
  const isWantedList = isWanted(lists);
  for (const [name, { window }] of input.lists) {
    if (isWantedList(name)) for (const room of window) found.set(room.room.nid, room);
  }
  const isWantedRoom = isWanted(rooms);
  for (const room of input.subscriptions) if (isWantedRoom(room.room.roomId)) found.set(room.room.nid, room);
  return [...found.values()];
}

/** What of a room the connection has not been told; `undefined` for all of it. */
export function untoldRanges({ answered, toldUpTo, range }: ExtensionsInput, nid: number): StreamRange[] | undefined {
  const told = toldUpTo.get(nid);
  if (told === undefined || answered.get(nid)?.isInitial === true) return undefined;
  return rangesBetween(told, range.upTo);
}

/**
 * Whether the connection was told of this room up to where the range starts: then the news say what happened since,
 * where there are any.
 */
export function isFollowed({ toldUpTo, range, news }: ExtensionsInput, nid: number): boolean {
  const told = toldUpTo.get(nid);
  const { since } = range;
  if (news === undefined || told === undefined || since === undefined) return false;
  return rangesBetween(told, since).length === 0;
}
