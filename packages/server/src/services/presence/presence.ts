import { serverNameOf } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { PublishedChange } from '../../storage/change.ts';
import { selectPresences } from '../../storage/queries/presence.ts';
import { KnownPresences } from './known-presences.ts';
import { PresencePublisher, type PresencePublisherParts } from './presence-publisher.ts';
import type { PresenceDevice, PresenceQuery, PresenceReader } from './presence-reader.ts';
import { isCounted, type PresenceState } from './presence-state.ts';

/** A device counts for so long after its last request for news. */
const GRACE_MS = 30_000;
/** Of users of another server it is heard again within this time, or they are gone. */
const REMOTE_TIMEOUT_MS = 1_800_000;
/** In characters. */
const MAX_STATUS_LENGTH = 1_024;

/** What another server says of one of its users. */
export interface PresenceUpdate {
  readonly userId: string;
  readonly presence: PresenceState;
  readonly lastActiveAgoMs: number | undefined;
  readonly isActive: boolean;
  readonly statusMessage: string | undefined;
}

export interface PresenceParts extends PresencePublisherParts {
  /** When it is switched off, clients say and ask all the same: nobody is there. */
  readonly isEnabled: boolean;
}

/**
 * Who is there, in memory. A user is there as long as one of his devices asks for news, and a little longer. What
 * changes is published together, once a second at most, to those who share a room that is not too large: presence must
 * never cost more than what it is there for. Specification: client-server API, "Presence".
 */
export class Presence implements PresenceReader {
  readonly #parts: PresenceParts;
  readonly #known: KnownPresences;
  readonly #publisher: PresencePublisher;
  #unfollow: (() => void) | undefined;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
    this.#known = new KnownPresences(parts.platform.clock);
    this.#publisher = new PresencePublisher(parts, this.#known);
  }

  /** Once, before any client is answered: who was there when the server stopped has to come back, or is gone. */
  async start(): Promise<void> {
    if (!this.#parts.isEnabled) return;
    await this.#publisher.load(GRACE_MS);
    this.#unfollow = this.#parts.storage.stream.follow((changes) => {
      for (const change of changes) this.#note(change);
    });
  }

  async stop(): Promise<void> {
    this.#unfollow?.();
    await this.#publisher.stop();
  }

  /** See `PresenceReader`. */
  async whileAsking<T>(device: PresenceDevice, said: PresenceState | undefined, work: () => Promise<T>): Promise<T> {
    const asking = this.#deviceOf(device, said);
    asking.openRequests++;
    this.#publisher.note(device.userId);
    try {
      return await work();
    } finally {
      asking.openRequests--;
      asking.untilMs = this.#nowMs() + GRACE_MS;
    }
  }

  /** The user says it himself. A status that is left out goes. @throws MatrixError M_INVALID_PARAM */
  async set(device: PresenceDevice, presence: PresenceState, statusMessage: string | undefined): Promise<void> {
    if (statusMessage !== undefined && statusMessage.length > MAX_STATUS_LENGTH) {
      throw new MatrixError('M_INVALID_PARAM', `"status_msg" may have ${MAX_STATUS_LENGTH} characters at most.`);
    }
    if (!this.#parts.isEnabled) return;
    const user = this.#known.openLocal(device.userId);
    const own = this.#deviceOf(device, presence);
    own.untilMs = this.#nowMs() + GRACE_MS;
    if (presence === 'online') user.lastActiveMs = this.#nowMs();
    user.statusMessage = statusMessage === '' ? undefined : statusMessage;
    user.isStatusKnown = true;
    this.#publisher.note(device.userId);
  }

  /** What the viewer may know of a user. @throws MatrixError M_FORBIDDEN unless they share a room */
  async status(viewer: string, userId: string): Promise<JsonObject> {
    if (viewer !== userId && !(await this.#parts.memberships.shareRoom(viewer, userId))) {
      throw new MatrixError('M_FORBIDDEN', 'You see the presence of users with whom you share a room.');
    }
    if (!this.#parts.isEnabled) return { presence: 'offline' };
    const known = this.#known.get(userId);
    const row = known?.isStatusKnown
      ? undefined
      : (await this.#parts.storage.read(selectPresences, { userIds: [userId] }))[0];
    if (known !== undefined) {
      const content = this.#known.content(known);
      return row?.status_msg == null ? content : { ...content, status_msg: row.status_msg };
    }
    const status = row?.status_msg == null ? {} : { status_msg: row.status_msg };
    const lastActiveTs = row?.last_active_ts ?? 0;
    const ago = lastActiveTs === 0 ? {} : { last_active_ago: Math.max(0, this.#nowMs() - lastActiveTs) };
    return { presence: 'offline', ...ago, ...status };
  }

  /** Another server tells of its users. Those who share no room with anybody here are passed over. */
  takeRemote(updates: readonly PresenceUpdate[]): void {
    if (!this.#parts.isEnabled) return;
    const nowMs = this.#nowMs();
    for (const { userId, lastActiveAgoMs, presence, isActive, statusMessage } of updates) {
      // It costs a server nothing to make users up, and us a look-up each.
      if (this.#publisher.isBehind && this.#known.get(userId) === undefined) continue;
      const lastActiveMs = lastActiveAgoMs === undefined ? 0 : Math.max(0, nowMs - lastActiveAgoMs);
      const untilMs = nowMs + REMOTE_TIMEOUT_MS;
      if (!this.#known.setRemote(userId, { presence, isActive, statusMessage, lastActiveMs, untilMs })) continue;
      this.#publisher.note(userId);
    }
  }

  /** See `PresenceReader`. */
  events(query: PresenceQuery): ReadonlyMap<string, string> {
    return this.#known.events(query);
  }

  /** What other servers are told of a user of ours. */
  update(userId: string): JsonObject | undefined {
    const known = this.#known.get(userId);
    return known && { user_id: userId, ...this.#known.content(known) };
  }

  #deviceOf({ userId, deviceId }: PresenceDevice, said: PresenceState | undefined) {
    const user = this.#known.openLocal(userId);
    const nowMs = this.#nowMs();
    const known = user.devices.get(deviceId);
    if (known !== undefined && isCounted(known, nowMs)) {
      known.presence = said ?? known.presence;
      return known;
    }
    const presence = said ?? 'online';
    const device = { presence, openRequests: 0, untilMs: 0 };
    user.devices.set(deviceId, device);
    // Who comes back does something by that.
    if (presence === 'online' && user.published.presence === 'offline') user.lastActiveMs = nowMs;
    return device;
  }

  #note(change: PublishedChange): void {
    switch (change.kind) {
      case 'event':
        this.#noteActivity(change.sender);
        return;
      case 'receipt':
        this.#noteActivity(change.userId);
        return;
      case 'membership':
        // Who comes into a room is news to those who are in it.
        if (change.membership === 'join' || change.previous === 'join') this.#publisher.noteRooms(change.userId);
    }
  }

  /** Who does something is there again, on a device that does not hide. */
  #noteActivity(userId: string): void {
    const user = this.#known.local(userId);
    if (user === undefined || serverNameOf(userId) !== this.#parts.serverName) return;
    user.lastActiveMs = this.#nowMs();
    for (const device of user.devices.values()) if (device.presence === 'unavailable') device.presence = 'online';
    this.#publisher.note(userId);
  }

  #nowMs(): number {
    return this.#parts.platform.clock.nowMs();
  }
}
