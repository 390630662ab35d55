import type { JsonObject } from '@limpet/protocol/json';
import type { Session } from '../../src/services/accounts/sessions.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { tryRequest, V3 } from '../bad-input/hostile-world.ts';
import { createManualWorld } from '../support/manual-world.ts';
import { createTestServer, type Method, type TestResponse, type TestServer } from '../support/test-server.ts';
import { openTestStorage } from '../support/test-storage.ts';
import { Chain } from './chain.ts';
import { type Command, type MembershipChange, ROOMS, USERS } from './commands.ts';
import { Model } from './model.ts';

/** A page of the sticky section. Small, so that most stories need several. */
const STICKY_PER_SYNC = 3;
const CONFIG = { rate_limits: { enabled: false }, sticky_events: { events_per_sync: STICKY_PER_SYNC } };
const STICKY = 'org.matrix.msc4354.sticky_duration_ms';

/** All fits: what is not here was lost. */
const LARGE = { room: { timeline: { limit: 1_000 } } };
/** Nearly nothing fits: what is sticky has to come by its section. */
const SMALL = { room: { timeline: { limit: 1 } } };

interface Sent {
  readonly path: string;
  readonly eventId: string;
}

/** A server that goes through commands, and a model of what it has promised. */
export class Story {
  readonly model = new Model(USERS, ROOMS);
  readonly world = createManualWorld();
  readonly faults: string[] = [];
  readonly roomIds: string[] = [];
  readonly users: Session[] = [];
  /** For each user: a chain in which all fits, and one in which nearly nothing does. */
  readonly chains: { large: Chain; small: Chain }[] = [];
  readonly #storage: Storage;
  #server: TestServer;
  #requests = 0;
  #servers = 1;
  readonly #lastSent: (Sent | undefined)[] = [];
  readonly #lastMessage = new Map<string, string>();

  private constructor(storage: Storage, server: TestServer) {
    this.#storage = storage;
    this.#server = server;
  }

  static async begin(): Promise<Story> {
    const storage = await openTestStorage();
    const story: Story = new Story(storage, await createTestServer({ storage, config: CONFIG }));
    await story.restart();
    for (let user = 0; user < USERS; user++) {
      story.users.push(await story.#server.createUser(`user${user}`));
      story.chains.push({ large: story.#chain(user, LARGE), small: story.#chain(user, SMALL) });
    }
    for (let room = 0; room < ROOMS; room++) {
      const answer = await story.ask(0, 'POST', '/createRoom', { preset: 'public_chat' });
      story.roomIds.push(String(answer.body.room_id));
      story.model.changed(room, 0, 'join');
    }
    for (const user of story.users.keys()) await story.perform({ kind: 'sync', user });
    return story;
  }

  async end(): Promise<void> {
    await this.#server.stop();
    await this.#storage.close();
  }

  async perform(command: Command): Promise<void> {
    switch (command.kind) {
      case 'send':
        return this.#send(command.user, command.room, command.stickyMs);
      case 'burst':
        await Promise.all(command.users.map((user) => this.#send(user, command.room, command.stickyMs)));
        return;
      case 'repeat':
        return this.#repeat(command.user);
      case 'topic':
        return this.#topic(command.user, command.room);
      case 'redact':
        return this.#redact(command.user, command.room);
      case 'sync':
        await this.chains[command.user]?.large.sync();
        await this.chains[command.user]?.small.sync();
        return;
      case 'bad':
        return this.#bad(command);
      case 'wait':
        return this.world.advance(command.ms);
      case 'restart':
        return this.restart();
      default:
        return this.#changeMembership(command);
    }
  }

  /** Another server process on the same database. */
  async restart(): Promise<void> {
    await this.#server.stop();
    this.#servers++;
    const { world } = this;
    this.#server = await createTestServer({ storage: this.#storage, world, seed: this.#servers, config: CONFIG });
  }

  async ask(user: number, method: Method, path: string, body?: JsonObject | string): Promise<TestResponse> {
    const token = this.users[user]?.accessToken;
    const trial = { method, path: `${V3}${path}`, request: { token, ...(body === undefined ? {} : { body }) } };
    const { answer, faults } = await tryRequest(this.#server, trial);
    // Others may write at the same time.
    this.faults.push(...faults.filter((fault) => !fault.includes('wrote something')));
    return answer;
  }

  roomId(room: number): string {
    return this.roomIds[room] ?? '';
  }

  isStickyNow(stickyUntilMs: number | undefined): boolean {
    return stickyUntilMs !== undefined && stickyUntilMs > this.world.clock.nowMs();
  }

  async #send(user: number, room: number, stickyMs: number | undefined): Promise<void> {
    this.#requests++;
    const query = stickyMs === undefined ? '' : `?${STICKY}=${stickyMs}`;
    const path = `/rooms/${this.roomId(room)}/send/org.example.message/${this.#requests}${query}`;
    const { status, body } = await this.ask(user, 'PUT', path, { number: this.#requests });
    this.#expectAllowed(status, this.model.stretch(room, user) !== undefined, `${user} sends to ${room}`);
    if (status !== 200) return;
    const eventId = String(body.event_id);
    const stickyUntilMs = stickyMs === undefined ? undefined : this.world.clock.nowMs() + stickyMs;
    this.model.acknowledged({ eventId, room, type: 'org.example.message', stickyUntilMs });
    this.#lastSent[user] = { path, eventId };
    this.#lastMessage.set(`${user} ${room}`, eventId);
  }

  /** B2: the same transaction again, whether the user still is in the room or not. */
  async #repeat(user: number): Promise<void> {
    const sent = this.#lastSent[user];
    if (sent === undefined) return;
    const { status, body } = await this.ask(user, 'PUT', sent.path, { other: true });
    if (status === 200 && body.event_id !== sent.eventId) this.faults.push(`B2: ${sent.path} was done twice`);
  }

  async #topic(user: number, room: number): Promise<void> {
    this.#requests++;
    const path = `/rooms/${this.roomId(room)}/state/m.room.topic`;
    const { status, body } = await this.ask(user, 'PUT', path, { topic: `${this.#requests}` });
    // The creator alone has the power.
    this.#expectAllowed(status, user === 0, `${user} sets the topic of ${room}`);
    if (status !== 200) return;
    const eventId = String(body.event_id);
    this.model.acknowledged({ eventId, room, type: 'm.room.topic', stickyUntilMs: undefined });
  }

  async #redact(user: number, room: number): Promise<void> {
    const target = this.#lastMessage.get(`${user} ${room}`);
    if (target === undefined) return;
    this.#requests++;
    const path = `/rooms/${this.roomId(room)}/redact/${encodeURIComponent(target)}/${this.#requests}`;
    const { status, body } = await this.ask(user, 'PUT', path, {});
    this.#expectAllowed(status, this.model.stretch(room, user) !== undefined, `${user} redacts in ${room}`);
    if (status !== 200) return;
    this.model.redacted(target);
    const eventId = String(body.event_id);
    this.model.acknowledged({ eventId, room, type: 'm.room.redaction', stickyUntilMs: undefined });
  }

  async #changeMembership(command: Extract<Command, { kind: MembershipChange }>): Promise<void> {
    const { kind, user, room } = command;
    const isOwn = kind === 'join' || kind === 'leave';
    const target = isOwn ? user : command.target;
    // The creator stays, to see everything.
    if (target === 0 && kind !== 'join') return;
    const body = isOwn ? {} : { user_id: this.users[target]?.userId ?? '' };
    const { status } = await this.ask(user, 'POST', `/rooms/${this.roomId(room)}/${kind}`, body);
    if (status === 200) this.model.changed(room, target, kind);
    const { membership } = this.model.member(room, target);
    if (kind === 'join') this.#expectAllowed(status, membership !== 'ban', `${user} joins ${room}`);
  }

  async #bad({ user, room, which }: Extract<Command, { kind: 'bad' }>): Promise<void> {
    const { length } = this.model.events;
    const bad = BAD_REQUESTS[which % BAD_REQUESTS.length];
    if (bad === undefined) return;
    const [method, path, body] = bad;
    const { status } = await this.ask(user, method, path.replace('ROOM', this.roomId(room)), body);
    if (status < 400 || status >= 500) this.faults.push(`${method} ${path} answered ${status}`);
    if (this.model.events.length !== length) this.faults.push('A bad request was acknowledged');
  }

  #expectAllowed(status: number, isAllowed: boolean, what: string): void {
    if ((status === 200) !== isAllowed) this.faults.push(`${what}: ${status}`);
  }

  #chain(user: number, filter: JsonObject): Chain {
    return new Chain({
      filter,
      ask: async (query) => (await this.ask(user, 'GET', `/sync?${query}`)).body,
      joinsOf: (roomId) => this.model.member(this.roomIds.indexOf(roomId), user).joins,
      isExpired: (eventId) => {
        const event = this.model.events.find((one) => one.eventId === eventId);
        return event !== undefined && !this.isStickyNow(event.stickyUntilMs);
      },
    });
  }
}

const BAD_REQUESTS: readonly (readonly [Method, string, string?])[] = [
  ['PUT', '/rooms/ROOM/send/org.example.message/bad', '{"x":1.5}'],
  ['PUT', '/rooms/ROOM/send/org.example.message/bad', '{'],
  ['PUT', `/rooms/ROOM/send/org.example.message/bad?${STICKY}=-1`, '{}'],
  ['PUT', '/rooms/ROOM/send/m.room.create/bad', '{}'],
  ['PUT', '/rooms/ROOM/send/m.room.member/bad', '{"membership":"join"}'],
  ['PUT', '/rooms/ROOM/state/m.room.member/@user0:localhost', '{"membership":"flying"}'],
  ['PUT', '/rooms/ROOM/state/m.room.power_levels', '{"users":{"@user1:localhost":"100"}}'],
  ['PUT', '/rooms/ROOM/state/m.room.canonical_alias', '{"alias":"#nobody:localhost"}'],
  ['PUT', '/rooms/ROOM/redact/%24nothing/bad', '{}'],
  ['GET', '/rooms/ROOM/messages?dir=b&from=s1_x_1-1'],
  ['GET', '/sync?since=s1_x_1-1'],
  ['POST', '/rooms/ROOM/kick', '{"user_id":"@nobody:localhost"}'],
  ['POST', '/rooms/ROOM/invite', '{"user_id":"nobody"}'],
  ['POST', '/join/!nowhere:localhost', '{}'],
];
