import { asUserId } from '../identifiers.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { RoomVersion } from '../room-version.ts';
import { ALLOWED, refused, type Verdict } from '../verdict.ts';
import type { AuthorizationContext } from './authorization-context.ts';
import { powerLevelValue } from './power-level-value.ts';
import { roomCreators } from './room-creators.ts';
import { POWER_LEVELS_KEY } from './room-state.ts';

const SINGLE_LEVELS = ['users_default', 'events_default', 'state_default', 'ban', 'redact', 'kick', 'invite'] as const;

/**
 * Rule 10: `m.room.power_levels`. Nobody gives away more than they have, nor takes from who has as much.
 *
 * Where the specification is silent: a property that is absent has no value to compare, so adding it is judged by the
 * new value alone and removing it by the old one alone (as the servers that most rooms live on do); levels are compared
 * as they are read, so "50" for 50 is no change; `users` may be absent; and before version 10 a new value that is no
 * level at all is refused once there is a power levels event to compare it with.
 */
export function authorizePowerLevels(context: AuthorizationContext): Verdict {
  const { event, state, version, create } = context;
  const fault = shapeFault(event.content, version); // 10.1 to 10.3
  if (fault !== undefined) return refused(fault);
  // 10.4
  if (version.privilegesCreators) {
    const users = objectIn(event.content, 'users');
    for (const creator of roomCreators(create, version)) {
      if (Object.hasOwn(users, creator)) return refused(`${creator} created the room and can be given no power level.`);
    }
  }
  const previous = state.get(POWER_LEVELS_KEY);
  if (previous === undefined) return ALLOWED; // 10.5
  const unreadable = version.requiresIntegerPowerLevels ? undefined : levelFault(event.content, version, isReadable);
  if (unreadable !== undefined) return refused(unreadable);
  return authorizeChanges(context, previous.content);
}

/** Rules 10.6 to 10.10, on content that is well formed. */
function authorizeChanges(context: AuthorizationContext, before: JsonObject): Verdict {
  const { event, version, powerLevels } = context;
  const senderLevel = powerLevels.levelOf(event.sender);
  // 10.6
  for (const change of changes(before, event.content, SINGLE_LEVELS, version)) {
    const fault = changeFault(change, senderLevel);
    if (fault !== undefined) return refused(fault);
  }
  // 10.7, 10.8
  for (const property of version.authorizesNotificationLevels ? ['events', 'notifications'] : ['events']) {
    for (const change of entryChanges(before, event.content, property, version)) {
      const fault = changeFault(change, senderLevel);
      if (fault !== undefined) return refused(fault);
    }
  }
  // 10.9, 10.10
  for (const change of entryChanges(before, event.content, 'users', version)) {
    if (change.key !== event.sender && change.before !== undefined && change.before >= senderLevel) {
      return refused(`${change.key} has power level ${change.before}, not lower than the sender's ${senderLevel}.`);
    }
    const fault = changeFault(change, senderLevel);
    if (fault !== undefined) return refused(fault);
  }
  return ALLOWED; // 10.11
}

interface LevelChange {
  readonly key: string;
  /** `undefined`: it was not there. */
  readonly before: number | undefined;
  readonly after: number | undefined;
}

function changeFault({ key, before, after }: LevelChange, senderLevel: number): string | undefined {
  if (before !== undefined && before > senderLevel) {
    return `The level of ${key} is ${before}, above the sender's ${senderLevel}, and so not the sender's to change.`;
  }
  if (after !== undefined && after > senderLevel) {
    return `The new level of ${key} is ${after}, above the sender's ${senderLevel}.`;
  }
  return undefined;
}

/** The levels among these keys that were added, changed or removed. */
function changes(
  before: JsonObject,
  after: JsonObject,
  keys: Iterable<string>,
  version: RoomVersion,
): readonly LevelChange[] {
  const found: LevelChange[] = [];
  for (const key of keys) {
    const levelBefore = levelIn(before, key, version);
    const levelAfter = levelIn(after, key, version);
    if (levelBefore !== levelAfter) found.push({ key, before: levelBefore, after: levelAfter });
  }
  return found;
}

function entryChanges(before: JsonObject, after: JsonObject, property: string, version: RoomVersion) {
  const entriesBefore = objectIn(before, property);
  const entriesAfter = objectIn(after, property);
  const keys = new Set([...Object.keys(entriesBefore), ...Object.keys(entriesAfter)]);
  return changes(entriesBefore, entriesAfter, keys, version);
}

/** Rules 10.1 to 10.3: what is wrong with the content, whatever stood there before. */
function shapeFault(content: JsonObject, version: RoomVersion): string | undefined {
  // 10.1, 10.2; before v10 only numbers that no double holds
  const fault = levelFault(content, version, version.requiresIntegerPowerLevels ? isReadable : isInRange);
  if (fault !== undefined) return fault;
  // 10.3, v1-9: 10.1
  if (!Object.hasOwn(content, 'users')) return undefined;
  const users = content.users;
  if (!isJsonObject(users)) return 'users of m.room.power_levels is not an object.';
  for (const [userId, level] of Object.entries(users)) {
    if (asUserId(userId) === undefined) return `${JSON.stringify(userId)} in users is not a user ID.`;
    if (!isReadable(level, version)) return `The power level of ${userId} is not an integer.`;
  }
  return undefined;
}

/** The first level outside `users` that does not pass; `events` and `notifications` must be objects to pass. */
function levelFault(content: JsonObject, version: RoomVersion, passes: typeof isReadable): string | undefined {
  for (const key of SINGLE_LEVELS) {
    const level = Object.hasOwn(content, key) ? content[key] : undefined;
    if (level !== undefined && !passes(level, version)) return `${key} of m.room.power_levels is not an integer.`;
  }
  for (const property of version.authorizesNotificationLevels ? ['events', 'notifications'] : ['events']) {
    const entries = Object.hasOwn(content, property) ? content[property] : {};
    if (!isJsonObject(entries)) {
      if (passes === isReadable) return `${property} of m.room.power_levels is not an object.`;
      continue;
    }
    for (const [key, level] of Object.entries(entries)) {
      if (!passes(level, version)) return `The power level of ${key} in ${property} is not an integer.`;
    }
  }
  return undefined;
}

function isReadable(level: JsonValue, version: RoomVersion): boolean {
  return powerLevelValue(level, version) !== undefined;
}

function isInRange(level: JsonValue): boolean {
  return typeof level !== 'number' || Number.isFinite(level);
}

function levelIn(content: JsonObject, key: string, version: RoomVersion): number | undefined {
  return Object.hasOwn(content, key) ? powerLevelValue(content[key], version) : undefined;
}

function objectIn(content: JsonObject, key: string): JsonObject {
  const value = Object.hasOwn(content, key) ? content[key] : undefined;
  return isJsonObject(value) ? value : {};
}
