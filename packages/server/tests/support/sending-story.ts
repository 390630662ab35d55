import type { JsonObject } from '@limpet/protocol/json';
import type { Session } from '../../src/services/accounts/sessions.ts';
import { createManualWorld, type ManualWorld } from './manual-world.ts';
import { createTestFederation, type TestFederation, type TestFederationOptions } from './test-federation.ts';

const CLIENT = '/_matrix/client/v3';
/** Of real time, for what goes on between servers. */
const PATIENCE_MS = 20_000;

/** A user of one of the servers, as a client that keeps its sync token. */
export interface StoryUser extends Session {
  readonly serverName: string;
  ok(method: 'GET' | 'POST' | 'PUT', path: string, body?: JsonObject): Promise<JsonObject>;
  /** A message, sticky if it is given for how long; its event ID. */
  say(roomId: string, body: string, stickyMs?: number): Promise<string>;
  join(roomId: string, via: string): Promise<void>;
  /** Takes what is new in a room; `bodies` of all messages that ever came, in their order. */
  sync(): Promise<void>;
  readonly bodies: readonly string[];
  /** Those of them that came as sticky, in either section. */
  readonly stickyBodies: readonly string[];
}

export interface SendingStory {
  readonly world: ManualWorld;
  readonly federation: TestFederation;
  user(name: string, serverName: string): Promise<StoryUser>;
  /** A public room of its maker. */
  room(maker: StoryUser): Promise<string>;
  /** Waits for something that happens by itself, without any time passing. */
  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void>;
  /** The same, while time passes, a second at a time. */
  untilInTime(what: string, holds: () => boolean | Promise<boolean>): Promise<void>;
  /** The transactions that one server sent another, parsed. */
  transactions(from: string, to: string): SentTransaction[];
  stop(): Promise<void>;
}

export interface SentTransaction {
  readonly id: string;
  readonly status: number | undefined;
  readonly pdus: readonly (JsonObject & { readonly content: JsonObject })[];
  readonly edus: readonly (JsonObject & { readonly content: JsonObject })[];
}

/** Servers of one process that tell each other things, under a clock that the test moves. */
export async function createSendingStory(
  names: readonly string[],
  options: Omit<TestFederationOptions, 'world'> = {},
): Promise<SendingStory> {
  const world = createManualWorld();
  const federation = await createTestFederation(names, { ...options, world });

  async function wait(what: string, holds: () => boolean | Promise<boolean>, pass: () => void): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`It did not come about that ${what}`);
      pass();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  return {
    world,
    federation,
    user: (name, serverName) => createUser(federation, name, serverName),
    async room(maker) {
      const { room_id: roomId } = await maker.ok('POST', 'createRoom', { preset: 'public_chat' });
      return String(roomId);
    },
    until: (what, holds) => wait(what, holds, () => {}),
    untilInTime: (what, holds) => wait(what, holds, () => world.advance(1_000)),
    transactions(from, to) {
      const sent = federation.requests(from, to).filter(({ path }) => path.startsWith('/_matrix/federation/v1/send/'));
      return sent.map(({ path, status, body }) => ({ id: path, status, ...JSON.parse(body) }));
    },
    stop: () => federation.stop(),
  };
}

interface SyncAnswer {
  readonly next_batch: string;
  readonly rooms?: { readonly join?: Record<string, RoomAnswer> };
}

interface RoomAnswer {
  readonly timeline: { readonly events: readonly Message[] };
  readonly msc4354_sticky?: { readonly events: readonly Message[] };
}

interface Message {
  readonly type: string;
  readonly content: { readonly body?: string };
  readonly msc4354_sticky?: unknown;
}

async function createUser(federation: TestFederation, name: string, serverName: string): Promise<StoryUser> {
  const session = await federation.server(serverName).createUser(name);
  let count = 0;
  let since: string | undefined;
  const bodies: string[] = [];
  const stickyBodies: string[] = [];
  const ok: StoryUser['ok'] = (method, path, body) => {
    const sent = method === 'GET' ? {} : { body: body ?? {} };
    return federation.server(serverName).ok(method, `${CLIENT}/${path}`, { token: session.accessToken, ...sent });
  };
  function take(messages: readonly Message[]): void {
    for (const { type, content, msc4354_sticky: sticky } of messages) {
      if (type !== 'm.room.message' || content.body === undefined) continue;
      bodies.push(content.body);
      if (sticky !== undefined) stickyBodies.push(content.body);
    }
  }
  return {
    ...session,
    serverName,
    ok,
    bodies,
    stickyBodies,
    async say(roomId, body, stickyMs) {
      const query = stickyMs === undefined ? '' : `?org.matrix.msc4354.sticky_duration_ms=${stickyMs}`;
      const path = `rooms/${roomId}/send/m.room.message/${++count}${query}`;
      return String((await ok('PUT', path, { msgtype: 'm.text', body })).event_id);
    },
    async join(roomId, via) {
      await ok('POST', `join/${encodeURIComponent(roomId)}?server_name=${via}`);
    },
    async sync() {
      const filter = encodeURIComponent(JSON.stringify({ room: { timeline: { limit: 100 } } }));
      const next = since === undefined ? '' : `&since=${since}`;
      const answer = (await ok('GET', `sync?timeout=0&filter=${filter}${next}`)) as never as SyncAnswer;
      since = answer.next_batch;
      for (const { timeline, msc4354_sticky: sticky } of Object.values(answer.rooms?.join ?? {})) {
        take(sticky?.events ?? []);
        take(timeline.events);
      }
    },
  };
}
