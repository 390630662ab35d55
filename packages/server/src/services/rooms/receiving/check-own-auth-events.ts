import { authorizeEvent } from '@limpet/protocol/authorization/authorize-event';
import { authEventState, checkAuthEvents } from '@limpet/protocol/authorization/check-auth-events';
import type { Pdu } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import type { Verdict } from '@limpet/protocol/verdict';

/** An event that authorizes others, as far as the check of those looks at it. */
export interface AuthorizingEvent {
  readonly pdu: Pdu;
  readonly isRejected: boolean;
}

/** Where the `auth_events` of an event are found; all of them have to be there. */
export interface AuthorizingEvents {
  readonly version: RoomVersion;
  readonly find: (eventId: string) => AuthorizingEvent | undefined;
  /** The room's create event, which newer events do not name. */
  readonly create: Pdu | undefined;
}

/** Check 4 on receipt: whether the event is allowed by its own `auth_events`. */
export function checkOwnAuthEvents(pdu: Pdu, { version, find, create }: AuthorizingEvents): Verdict {
  const authEvents = [...new Set(pdu.authEvents)].flatMap((eventId) => find(eventId) ?? []);
  const pdus = authEvents.map((event) => event.pdu);
  const rejected = new Set(authEvents.flatMap((event) => (event.isRejected ? [event.pdu.eventId] : [])));
  const verdict = checkAuthEvents(pdu, pdus, version, rejected);
  return verdict.allowed ? authorizeEvent(pdu, authEventState(pdus, create), version) : verdict;
}
