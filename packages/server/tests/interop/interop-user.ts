import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import type { InteropServer } from './interop-server.ts';
import { SyncView } from './sync-view.ts';

const V3 = '/_matrix/client/v3';
/** Of one request. Joins over federation take their time. */
const MAX_REQUEST_MS = 45_000;
/** How long a sync may wait; `until` looks again after each. */
const SYNC_WAIT_MS = 1_000;
/** The longest that anything may take to come over from the other server, unless a story says more. */
const MAX_WAIT_MS = 20_000;
const POLL_MS = 200;

/** A homeserver refused a request. */
export class Refusal extends Error {
  readonly status: number;
  readonly errcode: string;

  constructor(request: string, status: number, answer: JsonObject) {
    super(`${request} was answered ${status} ${JSON.stringify(answer)}`);
    this.name = 'Refusal';
    this.status = status;
    this.errcode = String(answer.errcode ?? '');
  }
}

export interface RequestDetails {
  readonly body?: JsonObject | Uint8Array<ArrayBuffer>;
  readonly contentType?: string;
}

export interface Session {
  readonly server: InteropServer;
  readonly userId: string;
  readonly deviceId: string;
  readonly token: string;
  /** Ends with the story. */
  readonly signal: AbortSignal;
}

/** A user of one of the two servers, with one device. */
export class InteropUser {
  readonly session: Session;
  readonly view = new SyncView();
  /** Timeline events a sync. */
  readonly timelineLimit: number;
  #transactions = 0;

  constructor(session: Session, timelineLimit = 100) {
    this.session = session;
    this.timelineLimit = timelineLimit;
  }

  /** By the shared secret, which both servers take in the same way. */
  static async register(server: InteropServer, localpart: string, signal: AbortSignal): Promise<InteropUser> {
    const path = '/_synapse/admin/v1/register';
    const anonymous = new InteropUser({ server, userId: '', deviceId: '', token: '', signal });
    const nonce = String((await anonymous.ask('GET', path)).nonce);
    const password = passwordOf(localpart);
    const mac = createHmac('sha1', server.place.registrationSecret)
      .update([nonce, localpart, password, 'notadmin'].join('\0'))
      .digest('hex');
    const body = { nonce, username: localpart, password, admin: false, mac };
    return InteropUser.#of(await anonymous.ask('POST', path, { body }), server, signal);
  }

  static #of(answer: JsonObject, server: InteropServer, signal: AbortSignal): InteropUser {
    const [userId, deviceId, token] = [answer.user_id, answer.device_id, answer.access_token].map(String);
    return new InteropUser({ server, userId: userId ?? '', deviceId: deviceId ?? '', token: token ?? '', signal });
  }

  get userId(): string {
    return this.session.userId;
  }

  /** Another device of the same user. */
  async logIn(): Promise<InteropUser> {
    const { server, userId, signal } = this.session;
    const body = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: userId },
      password: passwordOf(userId.slice(1, userId.indexOf(':'))),
    };
    return InteropUser.#of(await this.ask('POST', `${V3}/login`, { body }), server, signal);
  }

  /** The same device, seen by a client that begins anew. */
  afresh(timelineLimit: number): InteropUser {
    return new InteropUser(this.session, timelineLimit);
  }

  /** The JSON object of a 200. Throws Refusal. */
  async ask(method: string, path: string, details: RequestDetails = {}): Promise<JsonObject> {
    const response = await this.request(method, path, details);
    const text = await response.text();
    let answer: JsonValue;
    try {
      answer = JSON.parse(text);
    } catch {
      answer = { error: text.slice(0, 200) };
    }
    if (!response.ok) throw new Refusal(`${method} ${path}`, response.status, answer as JsonObject);
    return answer as JsonObject;
  }

  /** `ask` of the client API's version 3. */
  v3(method: string, path: string, body?: JsonObject): Promise<JsonObject> {
    return this.ask(method, `${V3}${path}`, body === undefined ? {} : { body });
  }

  request(method: string, path: string, { body, contentType }: RequestDetails = {}): Promise<Response> {
    const { server, token, signal } = this.session;
    const payload = body === undefined || body instanceof Uint8Array ? body : JSON.stringify(body);
    return fetch(`${server.place.clientUrl}${path}`, {
      method,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        'content-type': contentType ?? 'application/json',
      },
      ...(payload === undefined ? {} : { body: payload }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(MAX_REQUEST_MS)]),
    });
  }

  transactionId(): string {
    this.#transactions += 1;
    return `${this.session.deviceId}-${this.timelineLimit}-${this.#transactions}`;
  }

  /** One step along the chain of tokens. */
  async sync(timeoutMs = 0): Promise<void> {
    const filter = JSON.stringify({ room: { timeline: { limit: this.timelineLimit } } });
    const query = new URLSearchParams({ timeout: String(timeoutMs), filter });
    if (this.view.since !== undefined) query.set('since', this.view.since);
    this.view.take(await this.v3('GET', `/sync?${query}`));
  }

  /** Syncs until `look` finds something in the view. Throws, saying what was awaited, when it does not come in time. */
  async until<T>(what: string, look: (view: SyncView) => T | undefined | false, maxMs = MAX_WAIT_MS): Promise<T> {
    const deadline = performance.now() + maxMs;
    let wait = 0;
    for (;;) {
      const found = look(this.view);
      if (found !== undefined && found !== false) return found;
      if (performance.now() > deadline) throw new Error(`${this.userId} never saw ${what}`);
      await this.sync(wait);
      wait = SYNC_WAIT_MS;
    }
  }

  /** Asks again and again until the answer is there. For what no sync tells. */
  async eventually<T>(what: string, look: () => Promise<T | undefined | false>, maxMs = MAX_WAIT_MS): Promise<T> {
    const deadline = performance.now() + maxMs;
    let last: Refusal | undefined;
    while (performance.now() < deadline) {
      try {
        const found = await look();
        if (found !== undefined && found !== false) return found;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        last = error;
      }
      await sleep(POLL_MS, undefined, { signal: this.session.signal });
    }
    throw new Error(`${this.userId} never found ${what}${last === undefined ? '' : `; last: ${last.message}`}`);
  }
}

function passwordOf(localpart: string): string {
  return `password of ${localpart}`;
}
