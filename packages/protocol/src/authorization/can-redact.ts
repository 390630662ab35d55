import type { Pdu } from '../pdu.ts';
import type { RoomVersion } from '../room-version.ts';
import { isSameServer } from './is-same-server.ts';
import type { PowerLevels } from './power-levels.ts';

/**
 * Whether an accepted redaction takes effect on the event it names, by the power levels at the redaction.
 * Specification: room version 3 and later, "Handling redactions"; versions 1 and 2 have decided it in rule 11 already.
 */
export function canRedact(redaction: Pdu, original: Pdu, powerLevels: PowerLevels, version: RoomVersion): boolean {
  if (redaction.roomId !== original.roomId) return false;
  if (version.authorizesRedactions) return true;
  return powerLevels.levelOf(redaction.sender) >= powerLevels.redact || isSameServer(redaction.sender, original.sender);
}
