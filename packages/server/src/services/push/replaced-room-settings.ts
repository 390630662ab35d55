import {
  asRoomId,
  asUserId,
  type RoomId,
  type ServerName,
  serverNameOf,
  type UserId,
} from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import type { Log } from '../../platform/log.ts';
import type { MembershipChange, PublishedChange } from '../../storage/change.ts';
import type { Storage } from '../../storage/storage.ts';
import type { AccountData } from '../accounts/account-data.ts';
import type { RoomTags } from '../accounts/room-tags.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { RoomStateReader } from '../rooms/room-state.ts';
import type { PushRule } from './push-rule.ts';
import type { PushRules } from './push-rules.ts';

/** Joins that wait to be looked at; those beyond take no settings with them. */
const MAX_WAITING = 10_000;

/** Who was in the room before, or was put out of it, has its settings as he wants them. */
const NOT_NEW: ReadonlySet<string | undefined> = new Set(['join', 'leave', 'ban']);

export interface ReplacedRoomSettingsParts {
  readonly storage: Storage;
  readonly log: Log;
  readonly serverName: ServerName;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly accountData: AccountData;
  readonly roomTags: RoomTags;
  readonly pushRules: PushRules;
}

/**
 * Takes what a user has set for a room to the one that replaces it, when he joins that: tags, whether it is a direct
 * chat, and the push rules of the room. It follows the stream, so a join costs no more for it; what a crash keeps from
 * being taken over is left behind. The old room has to name the new one too, or any room could get at them.
 * Specification: client-server API, "Room Upgrades", the end of "Server behaviour".
 */
export class ReplacedRoomSettings {
  readonly #parts: ReplacedRoomSettingsParts;
  readonly #waiting: MembershipChange[] = [];
  #running: Promise<void> | undefined;
  #unfollow: () => void = () => {};

  constructor(parts: ReplacedRoomSettingsParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#unfollow = this.#parts.storage.stream.follow((changes) => this.#note(changes));
  }

  async stop(): Promise<void> {
    this.#unfollow();
    this.#waiting.length = 0;
    await this.settled();
  }

  /** Until all joins up to now have been looked at. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #note(changes: readonly PublishedChange[]): void {
    const { serverName } = this.#parts;
    for (const change of changes) {
      if (change.kind !== 'membership' || change.membership !== 'join' || NOT_NEW.has(change.previous)) continue;
      if (serverNameOf(change.userId) === serverName && this.#waiting.length < MAX_WAITING) this.#waiting.push(change);
    }
    if (this.#waiting.length > 0) this.#running ??= this.#lookAtWaiting();
  }

  async #lookAtWaiting(): Promise<void> {
    for (let join = this.#waiting.shift(); join !== undefined; join = this.#waiting.shift()) {
      const { roomId, userId } = join;
      await this.#lookAt(roomId, asUserId(userId)).catch((error) => {
        this.#parts.log.warn('Settings of a room were not taken to the one that replaces it', {
          roomId,
          userId,
          error,
        });
      });
    }
    this.#running = undefined;
  }

  async #lookAt(joined: string, userId: UserId | undefined): Promise<void> {
    const to = asRoomId(joined);
    const from = to === undefined ? undefined : await this.#predecessorOf(to);
    if (to === undefined || from === undefined || userId === undefined) return;
    await this.#parts.roomTags.copy(userId, { from, to });
    await this.#copyDirect(userId, from, to);
    await this.#copyRules(userId, from, to);
  }

  async #predecessorOf(roomId: RoomId): Promise<RoomId | undefined> {
    const predecessor = (await this.#contentOf(roomId, 'm.room.create'))?.predecessor;
    const from = isJsonObject(predecessor) ? asRoomId(predecessor.room_id) : undefined;
    if (from === undefined) return undefined;
    return (await this.#contentOf(from, 'm.room.tombstone'))?.replacement_room === roomId ? from : undefined;
  }

  async #contentOf(roomId: RoomId, type: string): Promise<JsonObject | undefined> {
    const { events, state } = this.#parts;
    const room = await events.room(roomId);
    return room === undefined ? undefined : (await state.current(room, type, ''))?.pdu.content;
  }

  async #copyDirect(userId: UserId, from: RoomId, to: RoomId): Promise<void> {
    const address = { userId, roomId: undefined, type: 'm.direct' };
    await this.#parts.accountData.change(address, (before = {}) => {
      const after = Object.entries(before).map(([other, rooms]) => {
        const isOurs = Array.isArray(rooms) && rooms.includes(from) && !rooms.includes(to);
        return [other, isOurs ? [...rooms, to] : rooms] as const;
      });
      return after.every(([other, rooms]) => rooms === before[other]) ? undefined : Object.fromEntries(after);
    });
  }

  /** Rules that are called like the room: clients make such a one to mute it, or to hear more of it. */
  async #copyRules(userId: UserId, from: RoomId, to: RoomId): Promise<void> {
    const { pushRules } = this.#parts;
    const rules = await pushRules.ruleset(userId);
    for (const kind of ['override', 'room'] as const) {
      const rule = rules[kind].find((one) => one.rule_id === from);
      if (rule === undefined || rules[kind].some((one) => one.rule_id === to)) continue;
      const { actions, enabled } = rule;
      const conditions = conditionsFor(rule, from, to);
      const placed = { pattern: undefined, before: undefined, after: from };
      await pushRules.put(userId, { ruleId: to, kind, actions, conditions, ...placed });
      if (!enabled) await pushRules.set({ userId, kind, ruleId: to }, { enabled });
    }
  }
}

function conditionsFor({ conditions }: PushRule, from: RoomId, to: RoomId): PushRule['conditions'] {
  return conditions?.map((condition) => {
    const isOfRoom = condition.key === 'room_id' && condition.pattern === from;
    return isOfRoom ? { ...condition, pattern: to } : condition;
  });
}
