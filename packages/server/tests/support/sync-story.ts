import type { JsonObject } from '@limpet/protocol/json';
import type { Session } from '../../src/services/accounts/sessions.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { StreamVector } from '../../src/storage/stream.ts';
import { createManualWorld, type ManualWorld } from './manual-world.ts';
import { type SyncAnswer, SyncingClient } from './syncing-client.ts';
import {
  createTestServer,
  type Method,
  type TestResponse,
  type TestServer,
  type TestServerOptions,
} from './test-server.ts';
import { isUnderWay } from './test-storage.ts';

/** Turns of the event loop without any statement after which a story takes it that nothing is under way. */
const QUIET_TURNS = 20;

/** A server whose time stands still, its users, and what they do: the words that stories of `/sync` are told in. */
export class SyncStory {
  readonly world: ManualWorld;
  server: TestServer;
  readonly #options: TestServerOptions;
  #first: TestServer;
  #transactions = 0;
  #processes = 1;

  constructor(world: ManualWorld, server: TestServer, options: TestServerOptions = {}) {
    this.world = world;
    this.server = server;
    this.#options = options;
    this.#first = server;
  }

  static async begin(config: TestServerOptions['config'] = {}, options: TestServerOptions = {}): Promise<SyncStory> {
    const world = createManualWorld();
    const server = await createTestServer({ ...options, world, config });
    return new SyncStory(world, server, { ...options, config });
  }

  async end(): Promise<void> {
    if (this.server !== this.#first) await this.server.stop();
    await this.#first.stop();
  }

  /** Another process goes on with the same database; it remembers nothing of the stream. */
  async restart(): Promise<TestServer> {
    await this.server.server.stop();
    const storage = withoutTail(this.#first.storage);
    this.#processes += 1;
    this.server = await createTestServer({ ...this.#options, world: this.world, storage, seed: this.#processes });
    return this.server;
  }

  user(name: string): Promise<Session> {
    return this.server.createUser(name);
  }

  client(session: Session, filter?: JsonObject): SyncingClient {
    return new SyncingClient(this.server, session, filter);
  }

  ask(session: Session, method: Method, path: string, body?: JsonObject): Promise<TestResponse> {
    const request = { token: session.accessToken, ...(body === undefined ? {} : { body }) };
    return this.server.request(method, `/_matrix/client/v3${path}`, request);
  }

  async do(session: Session, method: Method, path: string, body?: JsonObject): Promise<JsonObject> {
    const { status, body: answer, text } = await this.ask(session, method, path, body);
    if (status !== 200) throw new Error(`${method} ${path} answered ${status}: ${text}`);
    return answer;
  }

  async room(session: Session, body: JsonObject = { preset: 'public_chat' }): Promise<string> {
    return String((await this.do(session, 'POST', '/createRoom', body)).room_id);
  }

  async join(session: Session, roomId: string): Promise<void> {
    await this.do(session, 'POST', `/join/${encodeURIComponent(roomId)}`, {});
  }

  async leave(session: Session, roomId: string): Promise<void> {
    await this.#inRoom(session, roomId, 'leave', {});
  }

  async forget(session: Session, roomId: string): Promise<void> {
    await this.#inRoom(session, roomId, 'forget', {});
  }

  /** Invites, kicks, bans or unbans. */
  async put(session: Session, roomId: string, action: 'invite' | 'kick' | 'ban' | 'unban', who: Session) {
    await this.#inRoom(session, roomId, action, { user_id: who.userId });
  }

  /** A message; its event ID. */
  async say(session: Session, roomId: string, body: string, extra: JsonObject = {}): Promise<string> {
    const content = { msgtype: 'm.text', body, ...extra };
    return this.send(session, roomId, 'm.room.message', content);
  }

  async sayMany(session: Session, roomId: string, count: number): Promise<string[]> {
    const sent: string[] = [];
    for (let number = 0; number < count; number += 1) sent.push(await this.say(session, roomId, `message ${number}`));
    return sent;
  }

  async send(session: Session, roomId: string, type: string, content: JsonObject): Promise<string> {
    this.#transactions += 1;
    const path = `/rooms/${encodeURIComponent(roomId)}/send/${type}/t${this.#transactions}`;
    return String((await this.do(session, 'PUT', path, content)).event_id);
  }

  async setState(session: Session, roomId: string, type: string, content: JsonObject, key = ''): Promise<string> {
    const path = `/rooms/${encodeURIComponent(roomId)}/state/${type}/${encodeURIComponent(key)}`;
    return String((await this.do(session, 'PUT', path, content)).event_id);
  }

  async setTopic(session: Session, roomId: string, topic: string): Promise<string> {
    return this.setState(session, roomId, 'm.room.topic', { topic });
  }

  async setAccountData(session: Session, type: string, content: JsonObject, roomId?: string): Promise<void> {
    const room = roomId === undefined ? '' : `/rooms/${encodeURIComponent(roomId)}`;
    await this.do(session, 'PUT', `/user/${encodeURIComponent(session.userId)}${room}/account_data/${type}`, content);
  }

  async read(session: Session, roomId: string, eventId: string, { type = 'm.read', ...body }: JsonObject = {}) {
    await this.#inRoom(session, roomId, `receipt/${type}/${encodeURIComponent(eventId)}`, body);
  }

  async type(session: Session, roomId: string, timeoutMs: number | false): Promise<void> {
    const path = `/rooms/${encodeURIComponent(roomId)}/typing/${encodeURIComponent(session.userId)}`;
    const body = timeoutMs === false ? { typing: false } : { typing: true, timeout: timeoutMs };
    await this.do(session, 'PUT', path, body);
  }

  /** A second device of a user. */
  async login(name: string): Promise<Session> {
    const body = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: name },
      password: `password of ${name}`,
    };
    const answer = await this.server.ok('POST', '/_matrix/client/v3/login', { body });
    return {
      userId: answer.user_id,
      deviceId: answer.device_id,
      accessToken: answer.access_token,
    } as unknown as Session;
  }

  /** All that goes back from a token, page by page, newest first. */
  async pagesBack(session: Session, roomId: string, from: string, limit = 7): Promise<JsonObject[]> {
    const events: JsonObject[] = [];
    let token: string | undefined = from;
    while (token !== undefined) {
      const path = `/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=${limit}&from=${token}`;
      const page: JsonObject = await this.do(session, 'GET', path);
      events.push(...(page.chunk as JsonObject[]));
      token = page.end as string | undefined;
    }
    return events;
  }

  /** Device keys for a device: its user's devices changed. */
  async uploadKeys({ userId, deviceId, ...session }: Session): Promise<void> {
    const keys = { [`ed25519:${deviceId}`]: 'key' };
    const signatures = { [userId]: { [`ed25519:${deviceId}`]: 'signature' } };
    const device = { user_id: userId, device_id: deviceId, algorithms: ['m.megolm.v1.aes-sha2'], keys, signatures };
    await this.do({ userId, deviceId, ...session }, 'POST', '/keys/upload', { device_keys: device });
  }

  /** Lets whatever is under way come to rest: no statement is read and nothing written for a good while. */
  async settle(): Promise<void> {
    const { tally } = this.server.storage;
    let before = '';
    for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = JSON.stringify(tally);
      if (now !== before || isUnderWay(this.server.storage)) quiet = 0;
      before = now;
    }
  }

  async #inRoom(session: Session, roomId: string, path: string, body: JsonObject): Promise<void> {
    await this.do(session, 'POST', `/rooms/${encodeURIComponent(roomId)}/${path}`, body);
  }
}

function withoutTail(storage: Storage): Storage {
  const { stream } = storage;
  const floor = stream.current();
  const isBefore = (vector: StreamVector) => [...floor].some(([writer, last]) => (vector.get(writer) ?? 0) < last);
  const since = (vector: StreamVector) => (isBefore(vector) ? undefined : stream.since(vector));
  return { ...storage, stream: { ...stream, since } };
}

interface Section {
  readonly events?: readonly JsonObject[];
}

/** The events of one section of a room, or of the whole answer. */
export function eventsOf(section: unknown): readonly JsonObject[] {
  return (section as Section | undefined)?.events ?? [];
}

export function idsOf(section: unknown): unknown[] {
  return eventsOf(section).map((event) => event.event_id);
}

/** What a section says of one type, by state key. */
export function contentsOf(section: unknown, type: string): JsonObject {
  const found = eventsOf(section).filter((event) => event.type === type);
  return Object.fromEntries(found.map((event) => [String(event.state_key ?? ''), event.content ?? null]));
}

/** All that an answer tells beside its token and what stands in every answer. */
export function newsIn({ body }: SyncAnswer): string[] {
  const always = ['next_batch', 'device_one_time_keys_count', 'device_unused_fallback_key_types'];
  const unstable = 'org.matrix.msc2732.device_unused_fallback_key_types';
  return Object.keys(body).filter((name) => !always.includes(name) && name !== unstable);
}
