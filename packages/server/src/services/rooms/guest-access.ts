import { MatrixError } from '@limpet/protocol/matrix-error';
import { type Pdu, type StateMap, stateEvent } from '@limpet/protocol/pdu';

/** Specification: client-server API, "Guest Access", `m.room.guest_access`. */
export const GUEST_ACCESS_TYPE = 'm.room.guest_access';

/** Throws M_GUEST_ACCESS_FORBIDDEN unless guests may join a room of this state. */
export function checkGuestAccess(state: StateMap): void {
  if (!letsGuestsIn(stateEvent(state, GUEST_ACCESS_TYPE, ''))) throw noGuests();
}

export function letsGuestsIn(event: Pdu | undefined): boolean {
  return event?.content.guest_access === 'can_join';
}

/** Also where nobody of this server is in the room: whether it wants guests is not known before one is in it. */
export function noGuests(): MatrixError {
  return new MatrixError('M_GUEST_ACCESS_FORBIDDEN', 'Guests cannot join this room. Register an account first.');
}
