import type { JsonObject } from '@limpet/protocol/json';

export const V3 = '/_matrix/client/v3';

/** The server went away before it answered: the request may have been done or not. */
export class NoAnswer extends Error {}

/** A user over HTTP, through servers that come and go. */
export class MatrixClient {
  url: string;
  readonly name: string;
  userId = '';
  #token = '';
  #since: string | undefined;
  readonly #filter: JsonObject;
  /** What each answered sync brought, in order: event IDs by timeline and by sticky section. */
  readonly timeline: string[] = [];
  readonly sticky: string[] = [];

  constructor(url: string, name: string, timelineLimit: number) {
    this.url = url;
    this.name = name;
    this.#filter = { room: { timeline: { limit: timelineLimit } } };
  }

  async register(): Promise<void> {
    const body = { username: this.name, password: `password of ${this.name}`, auth: { type: 'm.login.dummy' } };
    const session = await this.ask('POST', '/register', body);
    this.#token = String(session.access_token);
    this.userId = String(session.user_id);
  }

  /** The body of a 200; throws NoAnswer, or an error for any other answer. */
  async ask(method: string, path: string, body?: JsonObject): Promise<JsonObject> {
    const { status, answer } = await this.#fetch(method, path, body);
    if (status !== 200) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** One step along the chain of tokens; whether it brought anything of rooms. */
  async sync(timeoutMs = 0): Promise<boolean> {
    const query = new URLSearchParams({ timeout: String(timeoutMs), filter: JSON.stringify(this.#filter) });
    if (this.#since !== undefined) query.set('since', this.#since);
    const answer = await this.ask('GET', `/sync?${query}`);
    this.#since = String(answer.next_batch);
    const rooms = (answer.rooms ?? {}) as { join?: Record<string, Record<string, { events?: JsonObject[] }>> };
    for (const section of Object.values(rooms.join ?? {})) {
      this.timeline.push(...idsOf(section.timeline?.events));
      this.sticky.push(...idsOf(section.msc4354_sticky?.events));
    }
    return Object.keys(rooms).length > 0;
  }

  async drain(): Promise<void> {
    while (await this.sync());
  }

  /** The same user who begins anew, as on another device. */
  newDevice(timelineLimit: number): MatrixClient {
    const client = new MatrixClient(this.url, this.name, timelineLimit);
    client.userId = this.userId;
    client.#token = this.#token;
    return client;
  }

  async #fetch(method: string, path: string, body: JsonObject | undefined) {
    try {
      const response = await fetch(`${this.url}${V3}${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, answer: (await response.json()) as JsonObject };
    } catch (error) {
      throw new NoAnswer(`${method} ${path}`, { cause: error });
    }
  }
}

function idsOf(events: readonly JsonObject[] = []): string[] {
  return events.map((event) => String(event.event_id));
}
