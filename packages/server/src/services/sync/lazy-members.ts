import { LRUCache } from 'lru-cache';
import type { RoomEvent, RoomRecord } from '../rooms/room-event.ts';
import type { StateQuery } from './state-section.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';

/** Devices whose told members are remembered, and members remembered for each. A forgotten one is told again. */
const MAX_DEVICES = 2_000;
const MAX_MEMBERS_PER_DEVICE = 2_000;

/**
 * Lazy loading of members: which member events a client needs to show what it gets, less what it was told before.
 * Specification: client-server API, "Lazy-loading room members".
 */
export class LazyMembers {
  readonly #devices = new LRUCache<string, LRUCache<string, number>>({ max: MAX_DEVICES });

  /** An initial sync: the device knows nothing. */
  forgetDevice(request: SyncRequest): void {
    this.#devices.delete(deviceKey(request));
  }

  /** What was told of this room does not count any more. */
  startOver(request: SyncRequest, room: RoomRecord): void {
    const told = this.#devices.get(deviceKey(request));
    for (const key of [...(told?.keys() ?? [])]) if (key.startsWith(`${room.nid} `)) told?.delete(key);
  }

  /** The member events of the timeline's senders and, at first sight of the room, of the user. */
  async membersFor(query: StateQuery, state: readonly RoomEvent[], sources: SyncSources): Promise<RoomEvent[]> {
    const { request, room, timeline } = query;
    const told = this.#toldTo(request);
    const known = new Map<string, number>();
    for (const event of [...state, ...timeline]) {
      if (event.pdu.type === 'm.room.member') known.set(event.pdu.stateKey ?? '', event.nid);
    }
    const wanted = new Set(timeline.map((event) => event.pdu.sender));
    if (query.isWhole) wanted.add(request.userId);
    const members: RoomEvent[] = [];
    for (const userId of wanted) {
      const key = `${room.nid} ${userId}`;
      const isRedundant = !request.filter.room.state.includeRedundantMembers && told.has(key) && !query.isWhole;
      if (known.has(userId) || isRedundant) continue;
      const member = await sources.state.current(room, 'm.room.member', userId);
      if (member === undefined) continue;
      known.set(userId, member.nid);
      members.push(member);
    }
    for (const [userId, nid] of known) told.set(`${room.nid} ${userId}`, nid);
    return members;
  }

  #toldTo(request: SyncRequest): LRUCache<string, number> {
    const key = deviceKey(request);
    let told = this.#devices.get(key);
    if (told === undefined) {
      told = new LRUCache({ max: MAX_MEMBERS_PER_DEVICE });
      this.#devices.set(key, told);
    }
    return told;
  }
}

function deviceKey({ userId, deviceId }: SyncRequest): string {
  return `${userId} ${deviceId}`;
}
