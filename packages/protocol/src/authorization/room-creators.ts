import { contentOf, type Pdu } from '../pdu.ts';
import type { RoomVersion } from '../room-version.ts';

/**
 * Who created the room: `content.creator` up to version 10, the sender in version 11, from version 12 on the sender and
 * `additional_creators`. Specification: room versions 11 and 12, "Event format".
 */
export function roomCreators(create: Pdu, version: RoomVersion): ReadonlySet<string> {
  if (!version.creatorIsSender) {
    const creator = contentOf(create, 'creator');
    return new Set(typeof creator === 'string' ? [creator] : []);
  }
  const additional = version.privilegesCreators ? contentOf(create, 'additional_creators') : undefined;
  if (!Array.isArray(additional)) return new Set([create.sender]);
  return new Set([create.sender, ...additional.filter((creator) => typeof creator === 'string')]);
}
