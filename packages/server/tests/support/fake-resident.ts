import { selectAuthEvents } from '@limpet/protocol/authorization/auth-event-selection';
import { buildEvent } from '@limpet/protocol/build-event';
import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { referenceHash } from '@limpet/protocol/event-id';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { trustedPdu } from '@limpet/protocol/parse-pdu';
import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import { findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';
import { signedTextOfRequest } from '@limpet/protocol/signed-request';
import { type SigningKey, signEvent, signingKeyFromSeed, signJson, signText } from '@limpet/protocol/signing';
import { formatXMatrix } from '@limpet/protocol/x-matrix';

export interface FakeResidentOptions {
  readonly version?: string;
  readonly joinRule?: JsonObject;
  readonly seed?: number;
}

/** An answer of a server: its status, and its body, which may be no JSON at all. */
export interface FakeAnswer {
  readonly status: number;
  readonly body: JsonValue;
  /** Sent in the place of the body, as it is. */
  readonly text?: string;
}

interface FakeEvent {
  readonly sender: string;
  readonly type: string;
  readonly stateKey?: string;
  readonly content: JsonObject;
  /** One more than its place in the timeline, unless it is to lie. */
  readonly depth?: number;
  /** Instead of the end of the timeline. */
  readonly prevEvents?: readonly string[];
  readonly authEvents?: readonly string[];
  readonly extraFields?: JsonObject;
}

/**
 * Another homeserver with one room, in memory, that answers what joining servers ask; it checks next to nothing. What
 * it says can be made a lie (`lie`), for the tests of those who are to notice.
 */
export class FakeResident {
  readonly serverName: string;
  readonly key: SigningKey;
  readonly version: RoomVersion;
  readonly roomId: string;
  readonly creator: string;
  readonly state = new Map<string, Pdu>();
  readonly timeline: Pdu[] = [];
  readonly events = new Map<string, Pdu>();
  /** State before each event. */
  readonly stateBefore = new Map<string, readonly Pdu[]>();
  /** What it was asked, in order: `GET make_join`. Transactions ask for nothing, and come when they come. */
  readonly asked: string[] = [];
  readonly #lies = new Map<string, (answer: FakeAnswer) => FakeAnswer | Promise<FakeAnswer>>();
  #keys: ReadonlyMap<string, SigningKey>;
  #ts = 1_600_000_000_000;
  #count = 0;
  #now: number | undefined;

  constructor(serverName: string, options: FakeResidentOptions = {}) {
    const { version = '11', joinRule = { join_rule: 'public' }, seed = 9 } = options;
    this.serverName = serverName;
    this.key = signingKeyFromSeed('ed25519:fake', new Uint8Array(32).fill(seed));
    this.#keys = new Map([[serverName, this.key]]);
    this.version = known(version);
    this.creator = `@owner:${serverName}`;
    const creator = this.version.creatorIsSender ? {} : { creator: this.creator };
    const create = { sender: this.creator, type: 'm.room.create', stateKey: '' };
    this.roomId = this.version.roomIdIsCreateHash ? '' : `!fake:${serverName}`;
    const made = this.add({ ...create, content: { ...creator, room_version: version } });
    if (this.version.roomIdIsCreateHash) this.roomId = made.roomId;
    this.join(this.creator);
    const users = this.version.privilegesCreators ? {} : { users: { [this.creator]: 100 } };
    this.setState('m.room.power_levels', '', { ...users, invite: 0 });
    this.setState('m.room.join_rules', '', joinRule);
    this.setState('m.room.name', '', { name: 'Far away' });
  }

  /** The key of another server, which may then be the sender's. */
  addKey(serverName: string, key: SigningKey): void {
    this.#keys = new Map(this.#keys).set(serverName, key);
  }

  keyOf(serverName: string): SigningKey | undefined {
    return this.#keys.get(serverName);
  }

  /** Its clock stands still from now on. */
  now(ms: number): void {
    this.#now = ms;
  }

  /** Changes what one endpoint (`make_join`) answers from now on. */
  lie(endpoint: string, change: (answer: FakeAnswer) => FakeAnswer | Promise<FakeAnswer>): void {
    this.#lies.set(endpoint, change);
  }

  join(userId: string): Pdu {
    return this.add({ sender: userId, type: 'm.room.member', stateKey: userId, content: { membership: 'join' } });
  }

  invite(userId: string): Pdu {
    const content = { membership: 'invite' };
    return this.add({ sender: this.creator, type: 'm.room.member', stateKey: userId, content });
  }

  setState(type: string, stateKey: string, content: JsonObject): Pdu {
    return this.add({ sender: this.creator, type, stateKey, content });
  }

  say(body: string): Pdu {
    return this.add({ sender: this.creator, type: 'm.room.message', content: { msgtype: 'm.text', body } });
  }

  /** An event at the end of the room, signed by its sender's server. */
  add(event: FakeEvent): Pdu {
    const pdu = this.build(event);
    this.take(pdu);
    return pdu;
  }

  /** The event, without adding it. */
  build(event: FakeEvent): Pdu {
    const serverName = event.sender.slice(event.sender.indexOf(':') + 1);
    const key = this.#keys.get(serverName);
    if (key === undefined) throw new Error(`No key of ${serverName}`);
    const previous = this.timeline.slice(-1);
    const auth = selectAuthEvents({ ...event, stateKey: event.stateKey }, this.state, this.version);
    const isHashedCreate = this.version.roomIdIsCreateHash && event.type === 'm.room.create';
    this.#count++;
    const draft = {
      ...event,
      ...(isHashedCreate ? {} : { roomId: this.roomId }),
      prevEvents: event.prevEvents ?? previous.map((pdu) => pdu.eventId),
      authEvents: event.authEvents ?? auth.map((pdu) => pdu.eventId),
      depth: event.depth ?? this.timeline.length + 1,
      originServerTs: this.#now ?? this.#ts + this.#count,
      ...(this.version.eventIdIsHash
        ? {}
        : {
            eventId: `$${this.#count}:${serverName}`,
            referenceHashes: new Map([...previous, ...auth].map((pdu) => [pdu.eventId, this.#hash(pdu)])),
          }),
    };
    return buildEvent(draft, this.version, { serverName, key }).pdu;
  }

  take(pdu: Pdu): void {
    this.stateBefore.set(pdu.eventId, [...this.state.values()]);
    this.timeline.push(pdu);
    this.events.set(pdu.eventId, pdu);
    if (pdu.stateKey !== undefined) this.state.set(stateMapKey(pdu.type, pdu.stateKey), pdu);
  }

  authChain(events: Iterable<Pdu>): Pdu[] {
    const chain = new Map<string, Pdu>();
    const open = [...events].flatMap((pdu) => pdu.authEvents);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const pdu = this.events.get(next);
      if (pdu === undefined || chain.has(next)) continue;
      chain.set(next, pdu);
      open.push(...pdu.authEvents);
    }
    return [...chain.values()];
  }

  /** Its keys as it publishes them. */
  keyResponse(validUntilTs: number): JsonObject {
    const verify_keys = { [this.key.keyId]: { key: this.key.publicKeyBase64 } };
    const keys = { server_name: this.serverName, verify_keys, old_verify_keys: {}, valid_until_ts: validUntilTs };
    return signJson(keys, this.serverName, this.key);
  }

  /** A transaction with these events, signed for that server: path, headers and body. */
  transaction(destination: string, pdus: readonly Pdu[]): { uri: string; authorization: string; body: string } {
    this.#count++;
    const uri = `/_matrix/federation/v1/send/${this.#count}`;
    const content = { origin: this.serverName, origin_server_ts: this.#ts, pdus: pdus.map(({ json }) => json) };
    const body = encodeCanonicalJson(content);
    const request = { method: 'PUT', uri, origin: this.serverName, destination, content: body };
    const signature = signText(signedTextOfRequest(request), this.key);
    const authorization = formatXMatrix({ origin: this.serverName, destination, key: this.key.keyId, signature });
    return { uri, authorization, body };
  }

  /** What it says to a request whose path begins with `/_matrix/`. */
  async answer(method: string, url: string, body: JsonObject = {}): Promise<FakeAnswer> {
    const [path = '', query = ''] = url.split('?');
    const [endpoint = '', ...parameters] = path.split('/').slice(4).map(decodeURIComponent);
    if (endpoint !== 'send') this.asked.push(`${method} ${endpoint}`);
    const answer = this.#answer(endpoint, parameters, { query: new URLSearchParams(query), body });
    const lie = this.#lies.get(endpoint);
    return lie === undefined ? answer : lie(answer);
  }

  #answer(
    endpoint: string,
    [roomOrEventId = '', last = '']: readonly string[],
    { query, body }: { query: URLSearchParams; body: JsonObject },
  ): FakeAnswer {
    if (endpoint === 'event') return this.#event(roomOrEventId);
    if (endpoint === 'query') return this.#query(roomOrEventId, query);
    if (endpoint === 'invite') return this.#sign(body);
    if (roomOrEventId !== this.roomId) return refusal(404, 'M_NOT_FOUND');
    if (endpoint.startsWith('make_')) return this.#template(endpoint.slice('make_'.length), last);
    if (endpoint === 'send_join') return this.#sendJoin(body);
    if (endpoint === 'send_leave') return this.#accept(body, {});
    if (endpoint === 'send_knock') {
      const state = this.state.get(stateMapKey('m.room.name', ''));
      return this.#accept(body, { knock_room_state: state === undefined ? [] : [state.json] });
    }
    if (endpoint === 'backfill') return this.#backfill(query.getAll('v'), Number(query.get('limit')));
    if (endpoint === 'state_ids') return this.#stateIds(query.get('event_id') ?? '');
    if (endpoint === 'state') return this.#stateEvents(query.get('event_id') ?? '');
    if (endpoint === 'event_auth') return this.#eventAuth(last);
    if (endpoint === 'get_missing_events') return this.#missingEvents(body);
    return refusal(404, 'M_UNRECOGNIZED');
  }

  #query(kind: string, query: URLSearchParams): FakeAnswer {
    if (kind === 'directory' && query.get('room_alias') === `#far:${this.serverName}`) {
      return { status: 200, body: { room_id: this.roomId, servers: [this.serverName] } };
    }
    if (kind === 'profile' && query.get('user_id') === this.creator) {
      return { status: 200, body: { displayname: 'The owner', 'org.example.colour': 'red' } };
    }
    return refusal(404, 'M_NOT_FOUND');
  }

  #template(membership: string, userId: string): FakeAnswer {
    const content: JsonObject = { membership };
    const rule = this.state.get(stateMapKey('m.room.join_rules', ''))?.content.join_rule;
    if (membership === 'join' && rule === 'restricted') content.join_authorised_via_users_server = this.creator;
    const event = { sender: userId, type: 'm.room.member', stateKey: userId, content };
    const previous = this.timeline.slice(-1);
    const auth = selectAuthEvents(event, this.state, this.version);
    const reference = (pdu: Pdu): JsonValue =>
      this.version.eventIdIsHash ? pdu.eventId : [pdu.eventId, { sha256: this.#hash(pdu) }];
    const template = {
      type: event.type,
      room_id: this.roomId,
      sender: userId,
      state_key: userId,
      content,
      depth: this.timeline.length + 1,
      origin_server_ts: this.#ts,
      prev_events: previous.map(reference),
      auth_events: auth.map(reference),
    };
    return { status: 200, body: { room_version: this.version.id, event: template } };
  }

  #sendJoin(body: JsonObject): FakeAnswer {
    const state = [...this.state.values()];
    const signed = signEvent(body, this.version, this.serverName, this.key);
    const pdu = trustedPdu(signed, this.version);
    const chain = this.authChain([...state, pdu]);
    this.take(pdu);
    const answer = {
      origin: this.serverName,
      state: state.map((one) => one.json),
      auth_chain: chain.map((one) => one.json),
      event: signed,
    };
    return { status: 200, body: answer };
  }

  /** An invite of one of its own users. */
  #sign(body: JsonObject): FakeAnswer {
    const version = known(String(body.room_version));
    return { status: 200, body: { event: signEvent(body.event as JsonObject, version, this.serverName, this.key) } };
  }

  #accept(body: JsonObject, answer: JsonObject): FakeAnswer {
    this.take(trustedPdu(body, this.version));
    return { status: 200, body: answer };
  }

  #event(eventId: string): FakeAnswer {
    const pdu = this.events.get(eventId);
    if (pdu === undefined) return refusal(404, 'M_NOT_FOUND');
    return { status: 200, body: { origin: this.serverName, origin_server_ts: this.#ts, pdus: [pdu.json] } };
  }

  #backfill(from: readonly string[], limit: number): FakeAnswer {
    const last = this.timeline.findLastIndex((pdu) => from.includes(pdu.eventId));
    const pdus = this.timeline.slice(Math.max(0, last + 1 - limit), last + 1).reverse();
    const body = { origin: this.serverName, origin_server_ts: this.#ts, pdus: pdus.map((pdu) => pdu.json) };
    return { status: 200, body };
  }

  #stateIds(eventId: string): FakeAnswer {
    const state = this.stateBefore.get(eventId);
    if (state === undefined) return refusal(404, 'M_NOT_FOUND');
    const chain = this.authChain(state).map((pdu) => pdu.eventId);
    return { status: 200, body: { pdu_ids: state.map((pdu) => pdu.eventId), auth_chain_ids: chain } };
  }

  #stateEvents(eventId: string): FakeAnswer {
    const state = this.stateBefore.get(eventId);
    if (state === undefined) return refusal(404, 'M_NOT_FOUND');
    const body = { pdus: state.map((pdu) => pdu.json), auth_chain: this.authChain(state).map((pdu) => pdu.json) };
    return { status: 200, body };
  }

  #eventAuth(eventId: string): FakeAnswer {
    const pdu = this.events.get(eventId);
    if (pdu === undefined) return refusal(404, 'M_NOT_FOUND');
    return { status: 200, body: { auth_chain: this.authChain([pdu]).map((one) => one.json) } };
  }

  #missingEvents({ earliest_events: earliest, latest_events: latest, limit }: JsonObject): FakeAnswer {
    const isSkipped = new Set(earliest as string[]);
    const found = new Map<string, Pdu>();
    const open = [...(latest as string[])];
    for (let next = open.shift(); next !== undefined && found.size < Number(limit); next = open.shift()) {
      for (const eventId of this.events.get(next)?.prevEvents ?? []) {
        const pdu = this.events.get(eventId);
        if (pdu === undefined || isSkipped.has(eventId) || found.has(eventId)) continue;
        found.set(eventId, pdu);
        open.push(eventId);
      }
    }
    return { status: 200, body: { events: [...found.values()].reverse().map((pdu) => pdu.json) } };
  }

  #hash(pdu: Pdu): string {
    return referenceHash(pdu.json, this.version);
  }
}

export function refusal(status: number, errcode: string, extra: JsonObject = {}): FakeAnswer {
  return { status, body: { errcode, error: 'No.', ...extra } };
}

/** The body of an answer, to be changed. */
export function bodyOf({ body }: FakeAnswer): JsonObject {
  if (!isJsonObject(body)) throw new Error(`The answer is no object: ${encodeCanonicalJson(body)}`);
  return body;
}

function known(id: string): RoomVersion {
  const version = findRoomVersion(id);
  if (version === undefined) throw new Error(`There is no room version ${id}`);
  return version;
}
