import type { JsonObject } from '@limpet/protocol/json';
import type { Session } from '../../src/services/accounts/sessions.ts';
import type { TestServer } from './test-server.ts';

type Event = JsonObject & { event_id: string };
interface RoomSection {
  readonly timeline?: { readonly events: Event[]; readonly limited: boolean; readonly prev_batch: string };
  readonly state?: { readonly events: Event[] };
  readonly msc4354_sticky?: { readonly events: Event[] };
  readonly [section: string]: unknown;
}

/** One answer of `/sync`, as a test wants to look at it. */
export class SyncAnswer {
  readonly body: JsonObject;

  constructor(body: JsonObject) {
    this.body = body;
  }

  roomIds(section = 'join'): string[] {
    return Object.keys(this.#rooms(section));
  }

  room(roomId: string, section = 'join'): RoomSection {
    return this.#rooms(section)[roomId] ?? {};
  }

  timelineIds(roomId: string): string[] {
    return (this.room(roomId).timeline?.events ?? []).map((event) => event.event_id);
  }

  sticky(roomId: string): Event[] {
    return this.room(roomId).msc4354_sticky?.events ?? [];
  }

  stickyIds(roomId: string): string[] {
    return this.sticky(roomId).map((event) => event.event_id);
  }

  allIds(roomId: string): string[] {
    return [...this.timelineIds(roomId), ...this.stickyIds(roomId)];
  }

  #rooms(section: string): Record<string, RoomSection> {
    const rooms = (this.body.rooms ?? {}) as Record<string, Record<string, RoomSection>>;
    return rooms[section] ?? {};
  }
}

/** A client that syncs along one chain of tokens. */
export class SyncingClient {
  #server: TestServer;
  readonly #session: Session;
  readonly #filter: JsonObject | undefined;
  since: string | undefined;

  constructor(server: TestServer, session: Session, filter?: JsonObject) {
    this.#server = server;
    this.#session = session;
    this.#filter = filter;
  }

  /** Goes on with another server process. */
  moveTo(server: TestServer): void {
    this.#server = server;
  }

  async sync({ timeoutMs = 0, query = {} }: { timeoutMs?: number; query?: Record<string, string> } = {}) {
    const parameters = new URLSearchParams({ timeout: String(timeoutMs), ...query });
    if (this.since !== undefined) parameters.set('since', this.since);
    if (this.#filter !== undefined) parameters.set('filter', JSON.stringify(this.#filter));
    const path = `/_matrix/client/v3/sync?${parameters}`;
    const body = await this.#server.ok('GET', path, { token: this.#session.accessToken });
    this.since = body.next_batch as string;
    return new SyncAnswer(body);
  }
}
