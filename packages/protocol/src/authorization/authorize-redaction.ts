import { ALLOWED, refused, type Verdict } from '../verdict.ts';
import type { AuthorizationContext } from './authorization-context.ts';
import { isSameServer } from './is-same-server.ts';

/** Rule 11 of room versions 1 and 2: `m.room.redaction`. Later versions ask `canRedact` when they apply it. */
export function authorizeRedaction({ event, powerLevels }: AuthorizationContext): Verdict {
  if (powerLevels.levelOf(event.sender) >= powerLevels.redact) return ALLOWED; // 11.1
  if (event.redacts !== undefined && isSameServer(event.redacts, event.eventId)) return ALLOWED; // 11.2
  return refused(`Redacting an event of another server takes power level ${powerLevels.redact}.`); // 11.3
}
