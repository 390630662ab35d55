import { type ServerName, serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import type { Pdu } from '@limpet/protocol/pdu';
import { LRUCache } from 'lru-cache';
import type { PublishedChange } from '../../storage/change.ts';
import { selectJoinedMemberEvents } from '../../storage/queries/push-rules.ts';
import { selectThreadFollowers } from '../../storage/queries/thread-subscriptions.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RoomView } from '../rooms/projection.ts';
import { NameIndex } from './name-index.ts';
import { changedSettingsOf, type NotificationSettings, type PushRules } from './push-rules.ts';
import { ThreadFollowers } from './thread-followers.ts';

/** Local members, of all rooms together, whose names and settings are kept in memory; a room counts as some itself. */
const MAX_CACHED_MEMBERS = 500_000;
const MEMBERS_PER_ROOM = 100;
/** Local members of one room who are found by name in a text; further ones are notified by `m.mentions` alone. */
const MAX_NAMED_MEMBERS = 20_000;
/** Members that one statement reads. */
const MEMBERS_PER_READ = 1_000;

/** What has to be known of a room's local members to say whom an event notifies. */
export interface RoomAudience {
  readonly names: NameIndex;
  /** Those whose rules or ignored users are not the default. Some may have left: ask the room who is joined. */
  readonly custom: Map<string, NotificationSettings>;
  /** Who is subscribed to the thread of this root. */
  followersOf(rootId: string): ReadonlySet<string>;
}

interface CachedAudience extends RoomAudience {
  /** Whose settings, or names, are to be read before the next event. */
  readonly pendingSettings: Set<string>;
  readonly pendingNames: Set<string>;
  readonly threads: ThreadFollowers;
}

export interface RoomAudiencesParts {
  readonly storage: Storage;
  /** Has to follow the stream before this does: it is asked again when rules changed. */
  readonly pushRules: PushRules;
  readonly serverName: ServerName;
  /** Whether it matters who is subscribed to threads. */
  readonly followThreads: boolean;
}

export class RoomAudiences {
  readonly #storage: Storage;
  readonly #pushRules: PushRules;
  readonly #serverName: string;
  readonly #followThreads: boolean;
  readonly #audiences = new LRUCache<string, CachedAudience>({
    maxSize: MAX_CACHED_MEMBERS,
    sizeCalculation: (audience) => Math.min(MAX_CACHED_MEMBERS, MEMBERS_PER_ROOM + audience.pendingNames.size),
  });

  constructor({ storage, pushRules, serverName, followThreads }: RoomAudiencesParts) {
    this.#storage = storage;
    this.#pushRules = pushRules;
    this.#serverName = serverName;
    this.#followThreads = followThreads;
    storage.stream.follow((changes) => {
      for (const change of changes) this.#note(change);
    });
  }

  /** Brings the audience of the room up to date; costs nothing when nothing of it changed. */
  async prepare(room: RoomView): Promise<void> {
    let audience = this.#audiences.get(room.roomId);
    if (audience === undefined) {
      const threads = new ThreadFollowers(this.#followThreads ? room.localJoined : []);
      audience = {
        names: new NameIndex(),
        custom: new Map(),
        followersOf: (rootId) => threads.of(rootId),
        pendingSettings: new Set(room.localJoined),
        pendingNames: new Set(room.localJoined),
        threads,
      };
      this.#audiences.set(room.roomId, audience);
    }
    if (audience.pendingSettings.size > 0) await this.#readSettings(audience, room);
    if (audience.pendingNames.size > 0) await this.#readNames(audience, room);
    if (audience.threads.pending.size > 0) await this.#readFollowers(audience.threads, room);
  }

  /**
   * As `prepare` left it. Only under extreme pressure is it gone by then: nobody counts as custom, or is found by name.
   */
  of(room: RoomView): RoomAudience {
    return this.#audiences.get(room.roomId) ?? NOBODY;
  }

  /** A member event that is about to be written: who joins is part of the audience of the next event. */
  noteMember(room: RoomView, event: Pdu): void {
    const audience = this.#audiences.get(room.roomId);
    if (audience === undefined || event.stateKey === undefined || !this.#isLocal(event.stateKey)) return;
    if (event.content.membership === 'join') {
      if (audience.names.size < MAX_NAMED_MEMBERS || audience.names.has(event.stateKey)) {
        audience.names.set(event.stateKey, displayNameIn(event.content));
      }
      if (room.localJoined.has(event.stateKey)) return;
      audience.pendingSettings.add(event.stateKey);
      if (this.#followThreads) audience.threads.pending.add(event.stateKey);
    } else {
      audience.names.delete(event.stateKey);
      audience.custom.delete(event.stateKey);
    }
  }

  async #readSettings(audience: CachedAudience, room: RoomView): Promise<void> {
    await takePending(audience.pendingSettings, room.localJoined, async (userIds) => {
      for (const [userId, settings] of await this.#pushRules.settingsOf(userIds)) {
        if (settings.isCustom) audience.custom.set(userId, settings);
        else audience.custom.delete(userId);
      }
    });
  }

  async #readNames(audience: CachedAudience, room: RoomView): Promise<void> {
    await takePending(audience.pendingNames, room.localJoined, async (pending) => {
      const wanted = pending.slice(0, Math.max(0, MAX_NAMED_MEMBERS - audience.names.size));
      for (let start = 0; start < wanted.length; start += MEMBERS_PER_READ) {
        const userIds = wanted.slice(start, start + MEMBERS_PER_READ);
        const rows = await this.#storage.read(selectJoinedMemberEvents, { roomNid: room.roomNid, userIds });
        for (const row of rows) {
          audience.names.set(row.user_id, displayNameIn((JSON.parse(row.json) as JsonObject).content));
        }
      }
    });
  }

  async #readFollowers(threads: ThreadFollowers, { roomId, localJoined }: RoomView): Promise<void> {
    await takePending(threads.pending, localJoined, async (pending) => {
      for (let start = 0; start < pending.length; start += MEMBERS_PER_READ) {
        const userIds = pending.slice(start, start + MEMBERS_PER_READ);
        threads.note(userIds, await this.#storage.read(selectThreadFollowers, { roomId, userIds }));
      }
    });
  }

  #isLocal(userId: string): boolean {
    return serverNameOf(userId) === this.#serverName;
  }

  #note(change: PublishedChange): void {
    if (change.kind === 'thread-subscription') {
      if (this.#followThreads) this.#audiences.peek(change.roomId)?.threads.pending.add(change.userId);
      return;
    }
    const userId = changedSettingsOf(change);
    if (userId !== undefined) {
      for (const audience of this.#audiences.values()) audience.pendingSettings.add(userId);
    } else if (change.kind === 'membership' && change.membership === 'join' && this.#isLocal(change.userId)) {
      // Usually `noteMember` was told before; not when state resolution brought the join.
      const audience = this.#audiences.peek(change.roomId);
      if (audience === undefined || audience.names.has(change.userId)) return;
      if (this.#followThreads) audience.threads.pending.add(change.userId);
      audience.pendingSettings.add(change.userId);
      audience.pendingNames.add(change.userId);
    }
  }
}

const NOBODY: RoomAudience = { names: new NameIndex(), custom: new Map(), followersOf: () => new Set() };

/**
 * Empties the list before it reads, so that who is added meanwhile is read the next time; a failed read is tried again.
 */
async function takePending(
  pending: Set<string>,
  localJoined: ReadonlySet<string>,
  read: (userIds: string[]) => Promise<void>,
): Promise<void> {
  const taken = [...pending].filter((userId) => localJoined.has(userId));
  pending.clear();
  try {
    await read(taken);
  } catch (error) {
    for (const userId of taken) pending.add(userId);
    throw error;
  }
}

function displayNameIn(content: unknown): string | undefined {
  const name = isJsonObject(content) ? content.displayname : undefined;
  return typeof name === 'string' ? name : undefined;
}
