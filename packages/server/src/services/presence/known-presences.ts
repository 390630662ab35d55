import type { JsonObject } from '@limpet/protocol/json';
import { createCache } from '../../cache/create-cache.ts';
import type { Clock } from '../../platform/clock.ts';
import { type KnownPresence, type LocalPresence, OFFLINE, type RemotePresence, shownOf } from './known-presence.ts';
import type { PresenceQuery } from './presence-reader.ts';
import { isCounted, type PresenceState } from './presence-state.ts';

/** Users of other servers; who is longest unheard of goes first. */
const MAX_REMOTE = 20_000;
/** Users who are gone, and of whom clients that slept are still to be told so; the first to go goes first. */
const MAX_GONE = 20_000;
/** In one answer: more than that nobody looks at. */
const MAX_EVENTS = 1_000;

interface RemoteWord {
  readonly presence: PresenceState;
  readonly isActive: boolean;
  readonly statusMessage: string | undefined;
  readonly lastActiveMs: number;
  readonly untilMs: number;
}

/** Those of whom it is known whether they are there. */
export class KnownPresences {
  readonly #clock: Clock;
  /** As many as have devices that ask for news. */
  readonly #local = new Map<string, LocalPresence>();
  readonly #remote = createCache<string, RemotePresence>(MAX_REMOTE);

  /** Published as such: a client that comes back with an older token would see them there for good. */
  readonly #gone = createCache<string, KnownPresence>(MAX_GONE);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(userId: string): KnownPresence | undefined {
    return this.#local.get(userId) ?? this.#remote.peek(userId) ?? this.#gone.peek(userId);
  }

  local(userId: string): LocalPresence | undefined {
    return this.#local.get(userId);
  }

  openLocal(userId: string): LocalPresence {
    const known = this.#local.get(userId);
    if (known !== undefined) return known;
    const gone = this.#comeBack(userId);
    const user: LocalPresence = gone?.isLocal ? gone : { ...newcomer(), isLocal: true, devices: new Map() };
    this.#local.set(userId, user);
    return user;
  }

  #comeBack(userId: string): KnownPresence | undefined {
    const gone = this.#gone.peek(userId);
    this.#gone.delete(userId);
    return gone;
  }

  /** Whether it is worth keeping: of who was not there and is not, there is nothing to know. */
  setRemote(userId: string, word: RemoteWord): boolean {
    const { presence, isActive, statusMessage, lastActiveMs, untilMs } = word;
    const known = this.#remote.get(userId);
    if (known === undefined && presence === 'offline') return false;
    const before = known ?? this.#comeBack(userId);
    const remote: RemotePresence =
      before?.isLocal === false
        ? before
        : { ...newcomer(), isLocal: false, said: { presence, isActive }, untilMs, isStatusKnown: true };
    remote.said = { presence, isActive };
    remote.untilMs = untilMs;
    remote.lastActiveMs = lastActiveMs;
    remote.statusMessage = statusMessage;
    this.#remote.set(userId, remote);
    return true;
  }

  /**
   * A user of another server with whom nobody here shares a room that is told: he takes the place of one who is seen.
   * Gives whether he may have a row.
   */
  forgetUnseen(userId: string): boolean {
    const known = this.#remote.peek(userId);
    this.#remote.delete(userId);
    return known !== undefined && known.published.presence !== 'offline';
  }

  /** Forgets who is gone, and gives those of whom something else has to be told than was, by now. */
  *outdated(): Generator<string> {
    const nowMs = this.#clock.nowMs();
    for (const [userId, known] of this.#local) {
      for (const [deviceId, device] of known.devices) if (!isCounted(device, nowMs)) known.devices.delete(deviceId);
      const shown = shownOf(known, nowMs);
      if (shown.presence !== known.published.presence || shown.isActive !== known.published.isActive) yield userId;
      else if (known.devices.size === 0) {
        this.#local.delete(userId);
        this.#keepGone(userId, known);
      }
    }
    for (const [userId, known] of this.#remote.entries()) {
      if (known.untilMs > nowMs) continue;
      if (known.published.presence === 'offline') {
        this.#remote.delete(userId);
        this.#keepGone(userId, known);
      } else yield userId;
    }
  }

  #keepGone(userId: string, known: KnownPresence): void {
    if (known.position > 0) this.#gone.set(userId, known);
  }

  get isEmpty(): boolean {
    return this.#local.size === 0 && this.#remote.size === 0;
  }

  /** What of it goes to clients and to other servers. */
  content(known: KnownPresence): JsonObject {
    const nowMs = this.#clock.nowMs();
    const { presence, isActive, statusMessage } = shownOf(known, nowMs);
    return {
      presence,
      ...(known.lastActiveMs === 0 ? {} : { last_active_ago: Math.max(0, nowMs - known.lastActiveMs) }),
      ...(presence === 'online' ? { currently_active: isActive } : {}),
      ...(statusMessage === undefined ? {} : { status_msg: statusMessage }),
    };
  }

  events(query: PresenceQuery): ReadonlyMap<string, string> {
    const texts = new Map<string, string>();
    const tell = (userId: string, known: KnownPresence) => {
      if (texts.size >= MAX_EVENTS || !isSeen(userId, known, query)) return;
      const event = { type: 'm.presence', sender: userId, content: this.content(known) };
      texts.set(userId, JSON.stringify(event));
    };
    if (query.changed !== undefined && query.entered.size === 0) {
      for (const userId of query.changed) {
        const known = this.get(userId);
        if (known !== undefined) tell(userId, known);
      }
      return texts;
    }
    // Who comes for the first time has seen nobody.
    const gone = query.ranges === undefined ? [] : this.#gone.entries();
    for (const all of [this.#local.entries(), this.#remote.entries(), gone]) {
      for (const [userId, known] of all) if (isNews(userId, known, query)) tell(userId, known);
    }
    return texts;
  }
}

function newcomer() {
  const place = { position: 0, writer: 0, roomIds: undefined, moves: 0 };
  return { ...place, published: OFFLINE, lastActiveMs: 0, statusMessage: undefined, isStatusKnown: false };
}

function isSeen(userId: string, { roomIds = [] }: KnownPresence, { userId: viewer, joined }: PresenceQuery): boolean {
  return userId === viewer || roomIds.some((roomId) => joined.has(roomId));
}

function isNews(userId: string, known: KnownPresence, { changed, ranges, entered }: PresenceQuery): boolean {
  const { position, writer, roomIds = [] } = known;
  if (position === 0) return false;
  const isThere = known.published.presence !== 'offline';
  if (ranges === undefined) return isThere;
  if (isThere && roomIds.some((roomId) => entered.has(roomId))) return true;
  if (changed !== undefined) return changed.has(userId);
  return ranges.some((range) => range.writer === writer && position > range.after && position <= range.upTo);
}
