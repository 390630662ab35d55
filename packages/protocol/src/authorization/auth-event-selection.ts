import { isJsonObject } from '../json.ts';
import { contentOf, type Pdu, type StateKey, type StateMap, stateEvent } from '../pdu.ts';
import type { RoomVersion } from '../room-version.ts';

/** What of an event decides which state authorizes it; enough is known of an event that is still being made. */
export type AuthorizedEvent = Pick<Pdu, 'type' | 'sender' | 'stateKey' | 'content'>;

/**
 * The `auth_events` for an event in this state, in the order of `selectAuthEventKeys`.
 * Specification: server-server API, "Auth events selection".
 */
export function selectAuthEvents(event: AuthorizedEvent, state: StateMap, version: RoomVersion): Pdu[] {
  return selectAuthEventKeys(event, version)
    .map(({ type, stateKey }) => stateEvent(state, type, stateKey))
    .filter((found) => found !== undefined);
}

/**
 * The slots of the state that the event may name among its `auth_events`, each once. Together with the create event,
 * which from version 12 on is not among them, they are all that `authorizeEvent` looks at.
 */
export function selectAuthEventKeys(event: AuthorizedEvent, version: RoomVersion): StateKey[] {
  if (event.type === 'm.room.create') return [];
  const keys: StateKey[] = [];
  // since v12 the room ID implies it
  if (!version.roomIdIsCreateHash) keys.push({ type: 'm.room.create', stateKey: '' });
  keys.push({ type: 'm.room.power_levels', stateKey: '' });
  for (const userId of usersThatMatter(event, version)) keys.push({ type: 'm.room.member', stateKey: userId });
  if (event.type !== 'm.room.member') return keys;
  const membership = contentOf(event, 'membership');
  if (membership === 'join' || membership === 'invite' || membership === 'knock') {
    keys.push({ type: 'm.room.join_rules', stateKey: '' });
  }
  const token = membership === 'invite' ? thirdPartyToken(event) : undefined;
  if (token !== undefined) keys.push({ type: 'm.room.third_party_invite', stateKey: token });
  return keys;
}

/** The sender; for a membership its target; for a restricted join the member who authorises it. */
function usersThatMatter(event: AuthorizedEvent, version: RoomVersion): Set<string> {
  const userIds = new Set([event.sender]);
  if (event.type !== 'm.room.member') return userIds;
  if (event.stateKey !== undefined) userIds.add(event.stateKey);
  if (contentOf(event, 'membership') === 'join' && version.allowsRestrictedJoins) {
    const authorisingUser = contentOf(event, 'join_authorised_via_users_server');
    if (typeof authorisingUser === 'string') userIds.add(authorisingUser);
  }
  return userIds;
}

function thirdPartyToken(event: AuthorizedEvent): string | undefined {
  const invite = contentOf(event, 'third_party_invite');
  const signed = isJsonObject(invite) ? invite.signed : undefined;
  const token = isJsonObject(signed) ? signed.token : undefined;
  return typeof token === 'string' ? token : undefined;
}
