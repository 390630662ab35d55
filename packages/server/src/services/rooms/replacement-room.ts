import { powerLevelsOf } from '@limpet/protocol/authorization/power-levels';
import { roomCreators } from '@limpet/protocol/authorization/room-creators';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { type Pdu, type StateMap, stateEvent } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import type { MemberProfile } from '../accounts/profiles.ts';
import { defaultPowerLevels } from './default-power-levels.ts';
import type { NewEvent } from './event-maker.ts';
import { memberContent, memberEvent } from './membership-changes.ts';
import { aliasesIn } from './sending.ts';

/** Of the old room's state what goes over to the new one, in this order. Power levels come last. */
const TRANSFERRED_TYPES = [
  'm.room.join_rules',
  'm.room.history_visibility',
  'm.room.guest_access',
  'm.room.encryption',
  'm.room.name',
  'm.room.topic',
  'm.room.avatar',
  'm.room.server_acl',
];

/** Links of a space that go over; what is beyond is left behind. */
const MAX_SPACE_LINKS = 1_000;
/** What level a user needs to write or invite in a room that was replaced. Specification: "Room upgrades". */
const REPLACED_LEVEL = 50;

/** Everything that is known before a room is replaced. */
export interface RoomToReplace {
  readonly userId: string;
  readonly roomId: string;
  readonly version: RoomVersion;
  /** Of the old room, at least the types that go over, and its power levels. */
  readonly state: StateMap;
  readonly oldVersion: RoomVersion;
  readonly bans: readonly Pdu[];
  readonly spaceLinks: readonly Pdu[];
  /** Of this server, that lead to the old room. */
  readonly aliases: ReadonlySet<JsonValue>;
  readonly additionalCreators: readonly string[];
  readonly profile: MemberProfile;
}

/** The create event of the new room: that of the old one, and where it comes from. */
export function replacementCreateEvent(old: RoomToReplace): NewEvent {
  const { userId, version } = old;
  const before = stateEvent(old.state, 'm.room.create', '')?.content ?? {};
  const { creator: _creator, additional_creators: _creators, predecessor: _predecessor, ...kept } = before;
  const content: JsonObject = { ...kept, room_version: version.id, predecessor: { room_id: old.roomId } };
  if (!version.creatorIsSender) content.creator = userId;
  if (version.privilegesCreators && old.additionalCreators.length > 0) {
    content.additional_creators = [...old.additionalCreators];
  }
  return { sender: userId, type: 'm.room.create', stateKey: '', content };
}

/** What follows it. Until the power levels stand, who made the room may do everything. */
export function replacementEvents(old: RoomToReplace): NewEvent[] {
  const { userId, state } = old;
  const join = memberEvent(userId, userId, memberContent('join', { profile: old.profile }));
  const copied = [
    ...TRANSFERRED_TYPES.flatMap((type) => stateEvent(state, type, '') ?? []),
    ...old.spaceLinks.slice(0, MAX_SPACE_LINKS),
    ...old.bans,
  ];
  const events = copied.map(({ type, stateKey, content }): NewEvent => ({ sender: userId, type, stateKey, content }));
  const own = (type: string, content: JsonObject): NewEvent => ({ sender: userId, type, stateKey: '', content });
  const names = aliasesThat(old, (alias) => old.aliases.has(alias));
  const named = Object.keys(names).length === 0 ? [] : [own('m.room.canonical_alias', names)];
  return [join, ...events, ...named, own('m.room.power_levels', powerLevels(old))];
}

/** What the old room is called once its aliases of this server have gone over; `undefined` where nothing changes. */
export function remainingAliases(old: RoomToReplace): JsonObject | undefined {
  const isTaken = aliasesIn(canonicalAlias(old)).some((alias) => old.aliases.has(alias));
  return isTaken ? aliasesThat(old, (alias) => !old.aliases.has(alias)) : undefined;
}

function aliasesThat(old: RoomToReplace, isKept: (alias: JsonValue) => boolean): JsonObject {
  const { alias, alt_aliases: alternatives } = canonicalAlias(old);
  const kept = Array.isArray(alternatives) ? alternatives.filter(isKept) : [];
  return {
    ...(alias !== undefined && alias !== null && alias !== '' && isKept(alias) ? { alias } : {}),
    ...(kept.length > 0 ? { alt_aliases: kept } : {}),
  };
}

function canonicalAlias({ state }: RoomToReplace): JsonObject {
  return stateEvent(state, 'm.room.canonical_alias', '')?.content ?? {};
}

/** Those of the old room. Creators are named, or are not, as the new version has it. */
function powerLevels({ userId, state, version, oldVersion, additionalCreators }: RoomToReplace): JsonObject {
  const before = stateEvent(state, 'm.room.power_levels', '')?.content;
  if (before === undefined) return defaultPowerLevels([userId], version);
  const users: JsonObject = isJsonObject(before.users) ? { ...before.users } : {};
  const events: JsonObject = isJsonObject(before.events) ? { ...before.events } : {};
  if (version.privilegesCreators) {
    for (const creator of [userId, ...additionalCreators]) delete users[creator];
    events['m.room.tombstone'] ??= 150;
  } else if (oldVersion.privilegesCreators) {
    const create = stateEvent(state, 'm.room.create', '');
    const highest = highestLevel(before);
    for (const creator of create === undefined ? [] : roomCreators(create, oldVersion)) users[creator] = highest;
  }
  return { ...before, users, events };
}

/** What a creator needs to go on doing everything. */
function highestLevel(content: JsonObject): number {
  const groups = [content, content.events, content.users].flatMap((group) => (isJsonObject(group) ? [group] : []));
  const levels = groups.flatMap((group) => Object.values(group)).filter((level) => typeof level === 'number');
  return Math.max(100, ...levels);
}

/** Whether the user may close the old room. */
export function mayReplace(state: StateMap, version: RoomVersion, userId: string): boolean {
  const levels = powerLevelsOf(state, version);
  return levels.levelOf(userId) >= levels.requiredFor('m.room.tombstone', true);
}

/** The power levels under which nobody goes on talking in the old room; `undefined` where that is so already. */
export function closingPowerLevels(state: StateMap): JsonObject | undefined {
  const content = stateEvent(state, 'm.room.power_levels', '')?.content ?? {};
  const usersDefault = typeof content.users_default === 'number' ? content.users_default : 0;
  const level = Math.max(REPLACED_LEVEL, usersDefault + 1);
  const raised: JsonObject = {};
  for (const key of ['events_default', 'invite']) {
    const now = content[key];
    if (typeof now !== 'number' || now < level) raised[key] = level;
  }
  return Object.keys(raised).length === 0 ? undefined : { ...content, ...raised };
}
