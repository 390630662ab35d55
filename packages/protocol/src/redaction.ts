import type { JsonObject, JsonValue } from './json.ts';
import { isJsonObject } from './json.ts';
import type { Pdu } from './pdu.ts';
import type { RoomVersion } from './room-version.ts';

/**
 * The redaction algorithm: what is left of an event once its content is gone, which is also what is signed and what
 * makes the event ID. The sticky field is kept by no room version (A3), nor is `unsigned`. Answers a new object.
 * Specification: the section "Redactions" of each room version.
 */
export function redactJson(json: JsonObject, version: RoomVersion): JsonObject {
  const redacted: JsonObject = {};
  for (const key of topLevelKeys(version)) {
    if (Object.hasOwn(json, key)) {
      redacted[key] = json[key] as JsonValue;
    }
  }
  redacted.content = redactContent(json.type, isJsonObject(json.content) ? json.content : {}, version);
  return redacted;
}

/** The event as everyone sees it after its redaction: the same event ID and signatures, hardly any content. */
export function redactPdu(pdu: Pdu, version: RoomVersion): Pdu {
  const json = redactJson(pdu.json, version);
  const content = json.content as JsonObject;
  const redacts = version.redactsIsInContent ? pdu.redacts : undefined;
  return { ...pdu, json, content, redacts };
}

/** The content as redaction leaves it; the same object where the event type keeps everything. */
export function redactContent(type: JsonValue | undefined, content: JsonObject, version: RoomVersion): JsonObject {
  if (type === 'm.room.create' && version.hasRevisedRedaction) {
    return content;
  }
  const redacted: JsonObject = {};
  for (const key of contentKeys(type, version)) {
    if (Object.hasOwn(content, key)) {
      redacted[key] = content[key] as JsonValue;
    }
  }
  if (type === 'm.room.member' && version.hasRevisedRedaction) {
    keepThirdPartySignature(content, redacted);
  }
  return redacted;
}

/** The top-level keys that survive, in the order of canonical JSON, so that encoding has nothing to sort. */
export function topLevelKeys(version: RoomVersion): readonly string[] {
  return version.hasRevisedRedaction ? REVISED_TOP_LEVEL_KEYS : FIRST_TOP_LEVEL_KEYS;
}

const FIRST_TOP_LEVEL_KEYS = [
  'auth_events',
  'content',
  'depth',
  'event_id',
  'hashes',
  'membership',
  'origin',
  'origin_server_ts',
  'prev_events',
  'prev_state',
  'room_id',
  'sender',
  'signatures',
  'state_key',
  'type',
] as const;

const REVISED_TOP_LEVEL_KEYS = FIRST_TOP_LEVEL_KEYS.filter(
  (key) => key !== 'membership' && key !== 'origin' && key !== 'prev_state',
);

function contentKeys(type: JsonValue | undefined, version: RoomVersion): readonly string[] {
  switch (type) {
    case 'm.room.member':
      return version.redactionKeepsAuthorisingUser
        ? ['join_authorised_via_users_server', 'membership']
        : ['membership'];
    case 'm.room.create':
      return ['creator'];
    case 'm.room.join_rules':
      return version.allowsRestrictedJoins ? ['allow', 'join_rule'] : ['join_rule'];
    case 'm.room.power_levels':
      return version.hasRevisedRedaction ? REVISED_POWER_LEVEL_KEYS : FIRST_POWER_LEVEL_KEYS;
    case 'm.room.history_visibility':
      return ['history_visibility'];
    case 'm.room.aliases':
      return version.treatsAliasesSpecially ? ['aliases'] : [];
    case 'm.room.redaction':
      return version.redactsIsInContent ? ['redacts'] : [];
    default:
      return [];
  }
}

const FIRST_POWER_LEVEL_KEYS = [
  'ban',
  'events',
  'events_default',
  'kick',
  'redact',
  'state_default',
  'users',
  'users_default',
];

const REVISED_POWER_LEVEL_KEYS = [...FIRST_POWER_LEVEL_KEYS, 'invite'].sort();

/** An object stays an object, with `signed` alone; the specification does not say what becomes of one without it. */
function keepThirdPartySignature(content: JsonObject, redacted: JsonObject): void {
  const invite = Object.hasOwn(content, 'third_party_invite') ? content.third_party_invite : undefined;
  if (isJsonObject(invite)) {
    redacted.third_party_invite = Object.hasOwn(invite, 'signed') ? { signed: invite.signed as JsonValue } : {};
  }
}
