/**
 * The power levels of a room as a value: who has which, and what takes which.
 * Specification: client-server API, `m.room.power_levels`; room version 12, "room creators".
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { Pdu, StateMap } from '../pdu.ts';
import type { RoomVersion } from '../room-version.ts';
import { powerLevelValue } from './power-level-value.ts';
import { roomCreators } from './room-creators.ts';
import { CREATE_KEY, POWER_LEVELS_KEY } from './room-state.ts';

/** What the first creator may do in a room that has no `m.room.power_levels` event, up to version 11. */
const CREATOR_DEFAULT_LEVEL = 100;

/** The power levels of this state. Cheap: made once for each `m.room.power_levels` event and kept with it. */
export function powerLevelsOf(state: StateMap, version: RoomVersion): PowerLevels {
  const create = state.get(CREATE_KEY);
  const event = state.get(POWER_LEVELS_KEY);
  const owner = event ?? create;
  if (owner === undefined) return new PowerLevels(undefined, undefined, version);
  const kept = made.get(owner);
  if (kept?.create === create && kept?.version === version) return kept.powerLevels;
  const powerLevels = new PowerLevels(event?.content, create, version);
  made.set(owner, { create, version, powerLevels });
  return powerLevels;
}

/** By the power levels event, or the create event of a room without one; the rest of the key is compared. */
const made = new WeakMap<Pdu, { create: Pdu | undefined; version: RoomVersion; powerLevels: PowerLevels }>();

/**
 * Reads levels from the event's content when asked, so making one costs the same however many users it names. A value
 * that is no level counts as absent. A creator's level is `Infinity` where the room version says so.
 */
export class PowerLevels {
  readonly ban: number;
  readonly kick: number;
  readonly redact: number;
  readonly invite: number;
  readonly usersDefault: number;
  readonly eventsDefault: number;
  readonly stateDefault: number;
  readonly #version: RoomVersion;
  readonly #users: JsonObject;
  readonly #events: JsonObject;
  readonly #notifications: JsonObject;
  readonly #creators: ReadonlySet<string>;
  /** The level of creators where they have one of their own; otherwise they are users like all others. */
  readonly #creatorLevel: number | undefined;

  /** `content` of the `m.room.power_levels` event, `undefined` in a room that has none. */
  constructor(content: JsonObject | undefined, create: Pdu | undefined, version: RoomVersion) {
    const level = (key: string, otherwise: number) => levelIn(content, key, version) ?? otherwise;
    this.ban = level('ban', 50);
    this.kick = level('kick', 50);
    this.redact = level('redact', 50);
    this.invite = level('invite', 0);
    this.usersDefault = level('users_default', 0);
    this.eventsDefault = level('events_default', 0);
    this.stateDefault = level('state_default', 50);
    this.#version = version;
    this.#users = objectIn(content, 'users');
    this.#events = objectIn(content, 'events');
    this.#notifications = objectIn(content, 'notifications');
    this.#creators = create === undefined ? new Set() : roomCreators(create, version);
    if (version.privilegesCreators) this.#creatorLevel = Number.POSITIVE_INFINITY;
    else this.#creatorLevel = content === undefined ? CREATOR_DEFAULT_LEVEL : undefined;
  }

  levelOf(userId: string): number {
    if (this.#creatorLevel !== undefined && this.#creators.has(userId)) return this.#creatorLevel;
    return levelIn(this.#users, userId, this.#version) ?? this.usersDefault;
  }

  /** What sending an event of this type takes. Memberships and third-party invites have rules of their own. */
  requiredFor(type: string, isState: boolean): number {
    return levelIn(this.#events, type, this.#version) ?? (isState ? this.stateDefault : this.eventsDefault);
  }

  /** What notifying by this key takes, as `room` for `@room`: the condition `sender_notification_permission`. */
  requiredToNotify(key: string): number {
    return levelIn(this.#notifications, key, this.#version) ?? 50;
  }
}

function levelIn(content: JsonObject | undefined, key: string, version: RoomVersion): number | undefined {
  return content !== undefined && Object.hasOwn(content, key) ? powerLevelValue(content[key], version) : undefined;
}

const NOTHING: JsonObject = {};

function objectIn(content: JsonObject | undefined, key: string): JsonObject {
  const value: JsonValue | undefined = content !== undefined && Object.hasOwn(content, key) ? content[key] : undefined;
  return isJsonObject(value) ? value : NOTHING;
}
