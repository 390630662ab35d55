import type { JsonObject } from '@limpet/protocol/json';

export interface RoomView {
  /** As they came, without repetition by us. */
  readonly timeline: JsonObject[];
  readonly sticky: JsonObject[];
  /** By type and state key. */
  readonly state: Map<string, JsonObject>;
  typing: readonly string[];
  /** By event and user. */
  readonly receipts: Set<string>;
}

/** What a client has learned from /sync. */
export class SyncView {
  since: string | undefined;
  readonly joined = new Map<string, RoomView>();
  readonly invited = new Map<string, readonly JsonObject[]>();
  readonly knocked = new Map<string, readonly JsonObject[]>();
  readonly left = new Set<string>();
  readonly toDevice: JsonObject[] = [];
  readonly changedDevices = new Set<string>();
  readonly presence = new Map<string, JsonObject>();

  take(answer: JsonObject): void {
    this.since = String(answer.next_batch);
    this.toDevice.push(...eventsOf(answer.to_device));
    for (const event of eventsOf(answer.presence)) this.presence.set(String(event.sender), objectOf(event.content));
    const { changed } = objectOf(answer.device_lists);
    if (Array.isArray(changed)) for (const user of changed) this.changedDevices.add(String(user));
    const rooms = objectOf(answer.rooms);
    for (const [id, room] of Object.entries(objectOf(rooms.join))) this.#takeJoined(id, objectOf(room));
    for (const [id, room] of Object.entries(objectOf(rooms.invite))) {
      this.left.delete(id);
      this.invited.set(id, eventsOf(objectOf(room).invite_state));
    }
    for (const [id, room] of Object.entries(objectOf(rooms.knock))) {
      this.knocked.set(id, eventsOf(objectOf(room).knock_state));
    }
    for (const id of Object.keys(objectOf(rooms.leave))) {
      this.left.add(id);
      this.invited.delete(id);
      this.knocked.delete(id);
    }
  }

  room(roomId: string): RoomView {
    let view = this.joined.get(roomId);
    if (view === undefined) {
      view = { timeline: [], sticky: [], state: new Map(), typing: [], receipts: new Set() };
      this.joined.set(roomId, view);
    }
    return view;
  }

  isJoined(roomId: string): boolean {
    return this.joined.has(roomId) && !this.left.has(roomId);
  }

  /** An event of the timeline or of the sticky section. */
  event(roomId: string, eventId: string): JsonObject | undefined {
    const { timeline, sticky } = this.room(roomId);
    return [...timeline, ...sticky].find((event) => event.event_id === eventId);
  }

  membership(roomId: string, userId: string): unknown {
    return objectOf(this.room(roomId).state.get(`m.room.member|${userId}`)?.content).membership;
  }

  #takeJoined(roomId: string, room: JsonObject): void {
    this.left.delete(roomId);
    this.invited.delete(roomId);
    this.knocked.delete(roomId);
    const view = this.room(roomId);
    const timeline = eventsOf(room.timeline);
    view.timeline.push(...timeline);
    view.sticky.push(...eventsOf(room.msc4354_sticky));
    for (const event of [...eventsOf(room.state), ...timeline]) {
      if (event.state_key !== undefined) view.state.set(`${event.type}|${event.state_key}`, event);
    }
    for (const { type, content } of eventsOf(room.ephemeral)) {
      if (type === 'm.typing') view.typing = (objectOf(content).user_ids ?? []) as string[];
      if (type === 'm.receipt') for (const receipt of receiptsOf(objectOf(content))) view.receipts.add(receipt);
    }
  }
}

export function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}

function eventsOf(section: unknown): JsonObject[] {
  const { events } = objectOf(section);
  return Array.isArray(events) ? events.map(objectOf) : [];
}

function receiptsOf(content: JsonObject): string[] {
  return Object.entries(content).flatMap(([eventId, kinds]) =>
    Object.keys(objectOf(objectOf(kinds)['m.read'])).map((userId) => `${eventId} ${userId}`),
  );
}
