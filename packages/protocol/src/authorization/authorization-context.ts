import type { Pdu, StateMap } from '../pdu.ts';
import type { RoomVersion } from '../room-version.ts';
import type { PowerLevels } from './power-levels.ts';

/** What every rule after the first is given. */
export interface AuthorizationContext {
  readonly event: Pdu;
  readonly state: StateMap;
  readonly version: RoomVersion;
  /** The room's create event, of that state. */
  readonly create: Pdu;
  readonly powerLevels: PowerLevels;
  /** Whether the event carries a valid signature of that server. */
  readonly isSignedBy: (serverName: string) => boolean;
}

/** The same, of a membership event whose target (its state key) is known to be there. */
export interface MembershipContext extends AuthorizationContext {
  readonly target: string;
}
