import { serverNameOf } from '../identifiers.ts';
import type { Pdu } from '../pdu.ts';
import { ALLOWED, refused, type Verdict } from '../verdict.ts';

/** Rule 4 of room versions 1 to 5: `m.room.aliases`, which a server may send without anybody in the room. */
export function authorizeAliases(event: Pdu): Verdict {
  if (event.stateKey === undefined) return refused('m.room.aliases has no state_key.'); // 4.1
  // 4.2
  if (serverNameOf(event.sender) !== event.stateKey) {
    return refused(`The aliases of ${event.stateKey} are not ${event.sender}'s to set.`);
  }
  return ALLOWED; // 4.3
}
