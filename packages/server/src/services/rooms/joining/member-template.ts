import { asEventId, asUserId } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MAX_AUTH_EVENTS, MAX_PREV_EVENTS } from '@limpet/protocol/parse-pdu';
import { findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';
import { type Refusal, refused } from '@limpet/protocol/verdict';

/** What a resident server proposes for a member event: where in the graph it goes. All else in it is ours to say. */
export interface MemberTemplate {
  readonly version: RoomVersion;
  readonly prevEvents: readonly string[];
  readonly authEvents: readonly string[];
  /** Of the events named, where their IDs are no hashes. */
  readonly referenceHashes: ReadonlyMap<string, string>;
  readonly depth: number;
  /** A member who stands for the newcomer. Specification: server-server API, "Restricted rooms". */
  readonly authorisingUser: string | undefined;
}

/** The member event that was asked for. */
export interface MemberAsked {
  readonly roomId: string;
  readonly userId: string;
  readonly membership: 'join' | 'leave' | 'knock';
}

export type ReadTemplate = { readonly allowed: true; readonly template: MemberTemplate } | Refusal;

/** Rooms of servers that do not say which version a room has are as old as that. Specification: `make_join`. */
const VERSION_LEFT_OUT = '1';

/**
 * The answer to `make_join`, `make_leave` or `make_knock`, if it is a template for what was asked: we sign nothing
 * else. Specification: server-server API, "Joining Rooms", "Knocking upon a room", "Leaving Rooms".
 */
export function readMemberTemplate(answer: JsonValue, asked: MemberAsked): ReadTemplate {
  const { event, room_version: versionId = VERSION_LEFT_OUT } = isJsonObject(answer) ? answer : {};
  const version = typeof versionId === 'string' ? findRoomVersion(versionId) : undefined;
  if (version === undefined) return refused('The template is of a room version that was not among those asked for.');
  if (!isJsonObject(event)) return refused('The answer has no template of an event.');
  const fault = faultOf(event, asked);
  if (fault !== undefined) return refused(`The template ${fault}.`);
  const previous = readReferences(event.prev_events, MAX_PREV_EVENTS, version);
  const authorizing = readReferences(event.auth_events, MAX_AUTH_EVENTS, version);
  if (previous === undefined || previous.size === 0) return refused('The template does not name previous events.');
  if (authorizing === undefined) return refused('The template does not name the events that authorize it.');
  const template = {
    version,
    prevEvents: [...previous.keys()],
    authEvents: [...authorizing.keys()],
    referenceHashes: new Map([...previous, ...authorizing]),
    depth: event.depth as number,
    authorisingUser: authorisingUserOf(event, version),
  };
  return { allowed: true, template };
}

function faultOf(event: JsonObject, { roomId, userId, membership }: MemberAsked): string | undefined {
  if (event.type !== 'm.room.member') return 'is no member event';
  if (event.room_id !== roomId) return 'is of another room';
  if (event.sender !== userId || event.state_key !== userId) return 'is for another user';
  if (!isJsonObject(event.content) || event.content.membership !== membership) return 'has another membership';
  if (!Number.isSafeInteger(event.depth) || (event.depth as number) < 0) return 'has no depth';
  return undefined;
}

/** Event IDs with their reference hashes, which are empty where the ID is the hash; `undefined` for anything else. */
function readReferences(
  list: JsonValue | undefined,
  limit: number,
  version: RoomVersion,
): ReadonlyMap<string, string> | undefined {
  if (!Array.isArray(list) || list.length > limit) return undefined;
  const references = new Map<string, string>();
  for (const entry of list) {
    const [id, hashes] = Array.isArray(entry) ? entry : [entry, undefined];
    const eventId = asEventId(id);
    const hash = isJsonObject(hashes) ? hashes.sha256 : undefined;
    if (eventId === undefined || (!version.eventIdIsHash && typeof hash !== 'string')) return undefined;
    references.set(eventId, typeof hash === 'string' ? hash : '');
  }
  return references;
}

function authorisingUserOf(event: JsonObject, version: RoomVersion): string | undefined {
  const content = isJsonObject(event.content) ? event.content : {};
  return version.allowsRestrictedJoins ? asUserId(content.join_authorised_via_users_server) : undefined;
}
