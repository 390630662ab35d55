import type { JsonObject } from '@limpet/protocol/json';

/** How many answers a chain may take to come to its end. */
const MAX_ANSWERS = 500;

interface Section {
  readonly timeline?: { readonly events: readonly JsonObject[] };
  readonly msc4354_sticky?: { readonly events: readonly JsonObject[] };
}

export interface Delivery {
  readonly eventId: string;
  readonly place: 'timeline' | 'sticky';
  /** How often the user had joined the room by then. */
  readonly joins: number;
}

export interface ChainParts {
  readonly filter: JsonObject;
  readonly ask: (query: string) => Promise<JsonObject>;
  readonly joinsOf: (roomId: string) => number;
  /** The sticky section never holds what has expired, or was redacted. */
  readonly isExpired: (eventId: string) => boolean;
}

/** One client's chain of sync tokens: everything that it was given, in order. */
export class Chain {
  readonly deliveries: Delivery[] = [];
  readonly faults: string[] = [];
  readonly #parts: ChainParts;
  #since: string | undefined;

  constructor(parts: ChainParts) {
    this.#parts = parts;
  }

  /** Asks once; whether there was anything for a room. */
  async sync(): Promise<boolean> {
    const query = new URLSearchParams({ timeout: '0', filter: JSON.stringify(this.#parts.filter) });
    if (this.#since !== undefined) query.set('since', this.#since);
    const answer = await this.#parts.ask(query.toString());
    this.#since = String(answer.next_batch);
    const rooms = (answer.rooms ?? {}) as Record<string, Record<string, Section>>;
    for (const kind of ['join', 'leave']) {
      for (const [roomId, section] of Object.entries(rooms[kind] ?? {})) this.#take(roomId, kind, section);
    }
    return Object.keys(rooms).length > 0;
  }

  /** Asks until there is nothing more. */
  async drain(): Promise<void> {
    for (let answers = 0; answers < MAX_ANSWERS; answers++) if (!(await this.sync())) return;
    this.faults.push(`The chain does not come to its end at ${this.#since}`);
  }

  #take(roomId: string, kind: string, { timeline, msc4354_sticky: sticky }: Section): void {
    const joins = this.#parts.joinsOf(roomId);
    for (const { event_id: eventId } of timeline?.events ?? []) {
      this.deliveries.push({ eventId: String(eventId), place: 'timeline', joins });
    }
    for (const { event_id: eventId } of sticky?.events ?? []) {
      if (kind !== 'join') this.faults.push(`C9: ${String(eventId)} came as sticky to who has left`);
      if (this.#parts.isExpired(String(eventId))) this.faults.push(`${String(eventId)} had expired`);
      this.deliveries.push({ eventId: String(eventId), place: 'sticky', joins });
    }
  }
}
