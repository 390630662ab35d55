import type { Endpoint } from '@limpet/protocol/endpoint';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { AccountStanding } from '../services/accounts/access-tokens.ts';
import { accountLocked } from '../services/accounts/account-locked.ts';

/** Names an endpoint: its method, and the first of its paths without what is before the version. */
type EndpointName = string;

/**
 * What guests may use; all else they may not. Specification: client-server API, "Guest Access", "Client behaviour", and
 * besides what one cannot use those without: filters, capabilities, joining by alias, logging out, sliding sync, and
 * delayed events, which are a way of sending.
 */
export const OPEN_TO_GUESTS: ReadonlySet<EndpointName> = new Set([
  'GET versions',
  'GET v3/capabilities',
  'GET v3/account/whoami',
  'POST v3/logout',
  'POST v3/logout/all',
  // Reading
  'GET v3/sync',
  'POST unstable/org.matrix.simplified_msc3575/sync',
  'POST v3/user/{userId}/filter',
  'GET v3/user/{userId}/filter/{filterId}',
  'GET v3/events',
  'GET v3/rooms/{roomId}/initialSync',
  'GET v3/rooms/{roomId}/state',
  'GET v3/rooms/{roomId}/state/{eventType}/{stateKey}',
  'GET v3/rooms/{roomId}/state/{eventType}',
  'GET v3/rooms/{roomId}/context/{eventId}',
  'GET v3/rooms/{roomId}/event/{eventId}',
  'GET v3/rooms/{roomId}/messages',
  'GET v3/rooms/{roomId}/members',
  'GET v1/media/download/{serverName}/{mediaId}',
  'GET v1/media/download/{serverName}/{mediaId}/{fileName}',
  'GET v1/media/thumbnail/{serverName}/{mediaId}',
  // Sending
  'POST v3/rooms/{roomId}/join',
  'POST v3/join/{roomIdOrAlias}',
  'POST v3/rooms/{roomId}/leave',
  'PUT v3/rooms/{roomId}/send/{eventType}/{txnId}',
  'PUT v3/rooms/{roomId}/state/{eventType}/{stateKey}',
  'PUT v3/rooms/{roomId}/state/{eventType}',
  'PUT v3/sendToDevice/{eventType}/{txnId}',
  'PUT v3/rooms/{roomId}/delayed_event/{eventType}/{txnId}',
  'PUT unstable/org.matrix.msc4140/rooms/{roomId}/delayed_event/{eventType}/{txnId}',
  'POST v1/delayed_events/{delayId}/{action}',
  'POST unstable/org.matrix.msc4140/delayed_events/{delayId}/{action}',
  'POST unstable/org.matrix.msc4140/delayed_events/{delayId}',
  'GET v1/delayed_events/{delayId}',
  'GET v1/delayed_events',
  'GET unstable/org.matrix.msc4140/delayed_events',
  'GET v1/rtc/transports',
  // The account
  'PUT v3/profile/{userId}/{keyName}',
  'GET v3/devices',
  'GET v3/devices/{deviceId}',
  'PUT v3/devices/{deviceId}',
  // Encryption
  'POST v3/keys/upload',
  'POST v3/keys/query',
  'POST v3/keys/claim',
]);

/**
 * What the users of suspended accounts may not do: speak, enter rooms, bring others into them or out of them, and
 * change how they are seen. They may read, leave, take back what they said themselves (see `redactEvent`), look after
 * devices and keys, and end the account. What they scheduled before is not sent either (see `DelayedEventSender`), and
 * they may cancel it. Specification: client-server API, "Account suspension".
 */
export const CLOSED_TO_SUSPENDED: ReadonlySet<EndpointName> = new Set([
  'POST v3/createRoom',
  'POST v3/rooms/{roomId}/join',
  'POST v3/join/{roomIdOrAlias}',
  'POST v3/knock/{roomIdOrAlias}',
  'POST v3/rooms/{roomId}/invite',
  'POST v3/rooms/{roomId}/kick',
  'POST v3/rooms/{roomId}/ban',
  'POST v3/rooms/{roomId}/unban',
  'POST v3/rooms/{roomId}/upgrade',
  'PUT v3/rooms/{roomId}/send/{eventType}/{txnId}',
  'PUT v3/rooms/{roomId}/state/{eventType}/{stateKey}',
  'PUT v3/rooms/{roomId}/state/{eventType}',
  'PUT v3/rooms/{roomId}/delayed_event/{eventType}/{txnId}',
  'PUT unstable/org.matrix.msc4140/rooms/{roomId}/delayed_event/{eventType}/{txnId}',
  'PUT v3/rooms/{roomId}/typing/{userId}',
  'PUT v3/presence/{userId}/status',
  'PUT v3/directory/room/{roomAlias}',
  'DELETE v3/directory/room/{roomAlias}',
  'PUT v3/directory/list/room/{roomId}',
  'PUT v3/profile/{userId}/{keyName}',
  'DELETE v3/profile/{userId}/{keyName}',
  'POST /_matrix/media/v3/upload',
  'POST /_matrix/media/v1/create',
  'PUT /_matrix/media/v3/upload/{serverName}/{mediaId}',
]);

/** What the users of locked accounts may do. Specification: client-server API, "Account locking". */
export const OPEN_WHILE_LOCKED: ReadonlySet<EndpointName> = new Set(['POST v3/logout', 'POST v3/logout/all']);

/**
 * Whether an account of this standing may use the endpoint. What it throws: M_USER_LOCKED (401) with `soft_logout`,
 * M_GUEST_ACCESS_FORBIDDEN, M_USER_SUSPENDED.
 */
export function standingCheck(endpoint: Endpoint): (standing: AccountStanding) => void {
  const name = endpointName(endpoint);
  const isOpenWhileLocked = OPEN_WHILE_LOCKED.has(name);
  const isOpenToGuests = OPEN_TO_GUESTS.has(name);
  const isClosedToSuspended = CLOSED_TO_SUSPENDED.has(name);
  return (standing) => {
    if (standing.isLocked && !isOpenWhileLocked) throw accountLocked();
    if (standing.isGuest && !isOpenToGuests) {
      throw new MatrixError('M_GUEST_ACCESS_FORBIDDEN', 'Guests may not do this. Register an account first.');
    }
    if (standing.isSuspended && isClosedToSuspended) {
      const text = 'This account is suspended: it may read, and not do this. Ask the administrator of the server.';
      throw new MatrixError('M_USER_SUSPENDED', text);
    }
  };
}

/** Guests have a name and nothing else. Throws M_GUEST_ACCESS_FORBIDDEN for another field of the profile. */
export function checkProfileFieldOf({ isGuest }: AccountStanding, field: string): void {
  if (!isGuest || field === 'displayname') return;
  throw new MatrixError('M_GUEST_ACCESS_FORBIDDEN', 'Guests may set a name only. Register an account first.');
}

/** As the tables above write it. */
export function endpointName({ method, paths }: Endpoint): EndpointName {
  return `${method} ${paths[0].replace('/_matrix/client/', '')}`;
}
