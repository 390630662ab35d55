import type { JsonObject } from '@limpet/protocol/json';
import type { Session } from '../../src/services/accounts/sessions.ts';
import type { TestResponse, TestServer } from './test-server.ts';

const PATH = '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync';

type Event = JsonObject & { event_id: string; type: string; state_key?: string };

/** What an answer has of one room. */
export interface SlidingRoom {
  readonly timeline?: Event[];
  readonly required_state?: Event[];
  readonly [property: string]: unknown;
}

/** One answer of sliding sync, as a test wants to look at it. */
export class SlidingAnswer {
  readonly body: JsonObject;

  constructor(body: JsonObject) {
    this.body = body;
  }

  get rooms(): Record<string, SlidingRoom> {
    return this.body.rooms as Record<string, SlidingRoom>;
  }

  get roomIds(): string[] {
    return Object.keys(this.rooms);
  }

  room(roomId: string): SlidingRoom {
    return this.rooms[roomId] ?? {};
  }

  timelineIds(roomId: string): string[] {
    return (this.room(roomId).timeline ?? []).map((event) => event.event_id);
  }

  /** `type|state_key` of each, sorted. */
  stateOf(roomId: string): string[] {
    return (this.room(roomId).required_state ?? []).map((event) => `${event.type}|${event.state_key}`).sort();
  }

  count(list: string): unknown {
    return (this.body.lists as Record<string, JsonObject>)[list]?.count;
  }
}

/** A client of sliding sync that goes along one chain of answers. */
export class SlidingClient {
  #server: TestServer;
  readonly #session: Session;
  /** Sent with each request; a test may change it. */
  body: JsonObject;
  pos: string | undefined;

  constructor(server: TestServer, session: Session, body: JsonObject) {
    this.#server = server;
    this.#session = session;
    this.body = body;
  }

  /** Goes on with another server process. */
  moveTo(server: TestServer): void {
    this.#server = server;
  }

  async ask({ timeoutMs = 0, body = {} }: { timeoutMs?: number; body?: JsonObject } = {}): Promise<TestResponse> {
    const parameters = new URLSearchParams({ timeout: String(timeoutMs) });
    if (this.pos !== undefined) parameters.set('pos', this.pos);
    const token = this.#session.accessToken;
    return this.#server.request('POST', `${PATH}?${parameters}`, { token, body: { ...this.body, ...body } });
  }

  /** The next answer; `pos` moves on, unless it is to be lost. */
  async sync({ isLost = false, ...options }: { timeoutMs?: number; body?: JsonObject; isLost?: boolean } = {}) {
    const { status, body, text } = await this.ask(options);
    if (status !== 200) throw new Error(`Sliding sync answered ${status}: ${text}`);
    if (!isLost) this.pos = body.pos as string;
    return new SlidingAnswer(body);
  }
}

/** A list over these indexes, with a timeline of so many events. */
export function listOf(last: number, timelineLimit = 10, rest: JsonObject = {}): JsonObject {
  return { ranges: [[0, last]], timeline_limit: timelineLimit, required_state: [], ...rest };
}
