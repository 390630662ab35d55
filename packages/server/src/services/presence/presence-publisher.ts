import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import {
  deletePresence,
  type PresenceRow,
  selectPresences,
  selectPresentUsers,
  selectSmallRoomsOfUser,
  upsertPresence,
} from '../../storage/queries/presence.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import { type KnownPresence, shownOf } from './known-presence.ts';
import type { KnownPresences } from './known-presences.ts';
import { isSameShown, type PresenceState, type ShownPresence } from './presence-state.ts';
import { StrangerRows } from './stranger-rows.ts';

/** From one publication to the next: what changes meanwhile goes out together, and wakes everybody once. */
const PUBLISH_EVERY_MS = 1_000;
/** How often it is looked who went away without a word. */
const LOOK_EVERY_MS = 5_000;
/** Users in one publication; the others are in the next. */
const MAX_USERS_PER_BATCH = 500;
/** Users to be published; while there are more, other servers' users of whom nothing is known yet are not heard of. */
const MAX_NOTED = 5_000;
/** Rooms of one user whose members are told. */
const MAX_ROOMS = 200;
const USERS_PER_READ = 1_000;

export interface PresencePublisherParts {
  readonly storage: Storage;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'log'>;
  readonly events: EventStore;
  readonly memberships: Pick<MembershipReader, 'shareRoom'>;
  /** Our own. */
  readonly serverName: string;
  /** Nobody is told of somebody with whom he shares larger rooms alone. */
  readonly maxRoomMembers: number;
}

interface News {
  readonly userId: string;
  readonly known: KnownPresence;
  readonly shown: ShownPresence;
  readonly roomIds: readonly string[];
}

/** Publishes what changed of who is there, and keeps of it what a restart needs. */
export class PresencePublisher {
  readonly #parts: PresencePublisherParts;
  readonly #known: KnownPresences;
  readonly #strangerRows: StrangerRows;
  readonly #noted = new Set<string>();
  /** Those to be published though nothing of them changed: they share another room. */
  readonly #moved = new Set<string>();
  #publishTimer: Timer | undefined;
  #lookTimer: Timer | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: PresencePublisherParts, known: KnownPresences) {
    this.#parts = parts;
    this.#known = known;
    this.#strangerRows = new StrangerRows({ ...parts, known });
  }

  /** Who was there counts as there for `graceMs` more, and then goes away for all to see. */
  async load(graceMs: number): Promise<void> {
    const untilMs = this.#parts.platform.clock.nowMs() + graceMs;
    let after = '';
    for (;;) {
      const rows = await this.#parts.storage.read(selectPresentUsers, { after, limit: USERS_PER_READ });
      for (const row of rows) this.#loadRow(row, untilMs);
      const last = rows.at(-1);
      if (last === undefined || rows.length < USERS_PER_READ) break;
      after = last.user_id;
    }
    this.#waitToLook();
    this.#strangerRows.start();
  }

  /** There is more to publish than goes out soon. */
  get isBehind(): boolean {
    return this.#noted.size + this.#moved.size >= MAX_NOTED;
  }

  /** Something of a user may have changed. */
  note(userId: string): void {
    const known = this.#known.get(userId);
    if (known === undefined || this.#isStopped) return;
    if (isSameShown(shownOf(known, this.#parts.platform.clock.nowMs()), known.published)) return;
    this.#noted.add(userId);
    this.#waitToPublish();
    this.#waitToLook();
  }

  /** A user joined a room, or left one. */
  noteRooms(userId: string): void {
    const known = this.#known.get(userId);
    if (known === undefined || this.#isStopped) return;
    known.roomIds = undefined;
    known.moves += 1;
    if (known.published.presence === 'offline') return;
    this.#moved.add(userId);
    this.#waitToPublish();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#publishTimer?.cancel();
    this.#lookTimer?.cancel();
    await this.#strangerRows.stop();
    await this.#running;
  }

  #loadRow({ user_id: userId, presence, status_msg, last_active_ts: lastActiveMs }: PresenceRow, untilMs: number) {
    const statusMessage = status_msg ?? undefined;
    const state = presence as PresenceState;
    const isLocal = userId.endsWith(`:${this.#parts.serverName}`);
    if (!isLocal)
      this.#known.setRemote(userId, { presence: state, isActive: false, statusMessage, lastActiveMs, untilMs });
    const known = isLocal ? this.#known.openLocal(userId) : this.#known.get(userId);
    if (known === undefined) return;
    if (known.isLocal) known.devices.set('', { presence: state, openRequests: 0, untilMs });
    known.published = { presence: state, isActive: false, statusMessage };
    known.statusMessage = statusMessage;
    known.isStatusKnown = true;
    known.lastActiveMs = lastActiveMs;
    // Told once more, since it is not in memory who was told.
    this.#moved.add(userId);
    this.#waitToPublish();
  }

  #waitToPublish(): void {
    if (this.#publishTimer !== undefined || this.#isStopped) return;
    const { clock, timers } = this.#parts.platform;
    const delayMs = Math.max(0, Math.min(PUBLISH_EVERY_MS, this.#lastMs + PUBLISH_EVERY_MS - clock.monotonicMs()));
    this.#publishTimer = timers.after(delayMs, () => {
      this.#running = this.#publish().finally(() => {
        this.#publishTimer = undefined;
        if (this.#noted.size + this.#moved.size > 0) this.#waitToPublish();
      });
    });
  }

  #waitToLook(): void {
    if (this.#lookTimer !== undefined || this.#isStopped || this.#known.isEmpty) return;
    this.#lookTimer = this.#parts.platform.timers.after(LOOK_EVERY_MS, () => {
      this.#lookTimer = undefined;
      for (const userId of this.#known.outdated()) this.#noted.add(userId);
      if (this.#noted.size > 0) this.#waitToPublish();
      this.#waitToLook();
    });
  }

  async #publish(): Promise<void> {
    const { storage, platform } = this.#parts;
    this.#lastMs = platform.clock.monotonicMs();
    const userIds = [...new Set([...this.#noted, ...this.#moved])].slice(0, MAX_USERS_PER_BATCH);
    const moved = new Set(userIds.filter((userId) => this.#moved.has(userId)));
    for (const userId of userIds) {
      this.#noted.delete(userId);
      this.#moved.delete(userId);
    }
    try {
      await this.#readStatuses(userIds);
      const news: News[] = [];
      const unseen: string[] = [];
      for (const userId of userIds) {
        const one = await this.#newsOf(userId, moved.has(userId));
        if (one === 'unseen') unseen.push(userId);
        else if (one !== undefined) news.push(one);
      }
      if (news.length + unseen.length > 0) {
        await storage.write((transaction) => {
          for (const one of news) this.#write(transaction, one);
          for (const userId of unseen) transaction.run(deletePresence, { userId });
        });
      }
    } catch (error) {
      platform.log.warn('Who is there could not be published; trying again', { error });
      for (const userId of userIds) this.#moved.add(userId);
    }
  }

  /** What users of ours said before they went away the last time. */
  async #readStatuses(userIds: readonly string[]): Promise<void> {
    const unread = userIds.filter((userId) => this.#known.get(userId)?.isStatusKnown === false);
    if (unread.length === 0) return;
    const rows = await this.#parts.storage.read(selectPresences, { userIds: unread });
    for (const row of rows) {
      const known = this.#known.get(row.user_id);
      if (known?.isStatusKnown === false) known.statusMessage = row.status_msg ?? undefined;
    }
    for (const userId of unread) {
      const known = this.#known.get(userId);
      if (known !== undefined) known.isStatusKnown = true;
    }
  }

  /** 'unseen' for who is forgotten here, and whose row has to go. */
  async #newsOf(userId: string, isMoved: boolean): Promise<News | 'unseen' | undefined> {
    const known = this.#known.get(userId);
    if (known === undefined) return undefined;
    const shown = shownOf(known, this.#parts.platform.clock.nowMs());
    if (!isMoved && isSameShown(shown, known.published)) return undefined;
    const { moves } = known;
    const roomIds = known.roomIds ?? (await this.#smallRooms(userId));
    if (known.moves !== moves) {
      this.#moved.add(userId);
      return undefined;
    }
    known.roomIds = roomIds;
    // Whoever another server talks of, he is nobody's business here.
    if (!known.isLocal && roomIds.length === 0) return this.#known.forgetUnseen(userId) ? 'unseen' : undefined;
    return { userId, known, shown, roomIds };
  }

  async #smallRooms(userId: string): Promise<readonly string[]> {
    const { storage, events, maxRoomMembers: maxMembers } = this.#parts;
    const rows = await storage.read(selectSmallRoomsOfUser, { userId, maxMembers, limit: MAX_ROOMS });
    return [...(await events.rooms(rows.map((row) => row.room_nid))).values()].map(({ roomId }) => roomId);
  }

  /** Where it stands is noted before it is visible. */
  #write(transaction: WriteTransaction, { userId, known, shown, roomIds }: News): void {
    known.position = transaction.publish({ kind: 'presence', userId, roomIds });
    known.writer = transaction.writer;
    const { presence, statusMessage } = shown;
    const isToBeKept = presence !== known.published.presence || statusMessage !== known.published.statusMessage;
    known.published = shown;
    if (!isToBeKept) return;
    const row = { userId, presence, statusMessage: statusMessage ?? null, lastActiveTs: known.lastActiveMs };
    if (presence === 'offline' && !known.isLocal) transaction.run(deletePresence, { userId });
    else transaction.run(upsertPresence, row);
  }
}
