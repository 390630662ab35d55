import { type BuiltEvent, buildEvent, type EventDraft } from '@limpet/protocol/build-event';
import { signedTextOf } from '@limpet/protocol/event-id';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';
import { type SigningKey, signEvent, signText } from '@limpet/protocol/signing';
import { OutboundFailure, type OutboundHttp } from '../../src/platform/outbound-http.ts';
import { createManualWorld, type ManualWorld } from './manual-world.ts';
import { createTestPeer, type TestPeer } from './test-peer.ts';
import {
  createTestServer,
  type Method,
  type TestResponse,
  type TestServer,
  type TestServerOptions,
} from './test-server.ts';

const HOME = 'home.test';

/** One real server, `home.test`, and others that are nothing but a key: they ask whatever the test wants asked. */
export interface RemoteWorld {
  readonly home: TestServer;
  readonly world: ManualWorld;
  remote(name: string): RemoteServer;
  stop(): Promise<void>;
}

export async function createRemoteWorld(
  names: readonly string[],
  options: Pick<TestServerOptions, 'config' | 'log'> = {},
): Promise<RemoteWorld> {
  const world = createManualWorld();
  const remotes = new Map(names.map((name, index) => [name, new RemoteServer(name, index + 1)]));
  const servers = Object.fromEntries(names.map((name) => [name, `http://${name}`]));
  const config = { ...options.config, server_name: HOME, federation: { servers } };
  const outboundHttp = outboundHttpTo([...remotes.values()]);
  const home = await createTestServer({ ...options, config, world, outboundHttp });
  for (const remote of remotes.values()) remote.home = home;
  return {
    home,
    world,
    remote(name) {
      const found = remotes.get(name);
      if (found === undefined) throw new Error(`There is no ${name} in this world`);
      return found;
    },
    stop: () => home.stop(),
  };
}

/** Where these servers, and nobody else, are to be reached by `http://` and their name. */
function outboundHttpTo(remotes: readonly RemoteServer[]): OutboundHttp {
  return {
    async send({ url, body: sent }) {
      const { hostname, pathname } = new URL(url);
      const remote = remotes.find(({ name }) => name === hostname);
      if (remote === undefined) throw new OutboundFailure('unreachable', `${hostname} is not there`);
      const answer = remote.answer(
        decodeURIComponent(pathname),
        sent === undefined ? '' : Buffer.from(sent).toString(),
      );
      const body = Buffer.from(JSON.stringify(answer ?? { errcode: 'M_UNRECOGNIZED', error: 'No.' }));
      return { status: answer === undefined ? 404 : 200, headers: { 'content-type': 'application/json' }, body };
    },
  };
}

/** A server that is played by the test. */
export class RemoteServer {
  readonly name: string;
  readonly key: SigningKey;
  home: TestServer | undefined;
  /** What it makes of an invite of its user: the event that it gives back. */
  onInvite: ((event: JsonObject) => JsonObject) | undefined;
  /** What it says as a policy server. */
  onPolicyQuestion: ((event: JsonObject) => JsonObject) | undefined;
  readonly #peer: TestPeer;
  #eventCount = 0;

  constructor(name: string, seed: number) {
    this.name = name;
    this.#peer = createTestPeer(name, { seed });
    this.key = this.#peer.signingKey;
  }

  userId(localpart: string): string {
    return `@${localpart}:${this.name}`;
  }

  /** A signed request to the real server. */
  async ask(method: Method, path: string, body?: JsonObject): Promise<TestResponse> {
    if (this.home === undefined) throw new Error('There is nobody to be asked');
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = this.#peer.sign({ method, path, body: payload, destination: HOME });
    return this.home.request(method, path, { headers, ...(payload === undefined ? {} : { body: payload }) });
  }

  /** The same, in short: the status, and the errcode or the body. */
  async outcome(method: Method, path: string, body?: JsonObject): Promise<[number, JsonValue | undefined]> {
    const answer = await this.ask(method, path, body);
    return [answer.status, answer.status === 200 ? answer.body : answer.body.errcode];
  }

  /** An event with the signature of this server alone. */
  build(
    draft: Partial<EventDraft> & Pick<EventDraft, 'sender' | 'type' | 'content'>,
    version: RoomVersion,
  ): BuiltEvent {
    const chosenId = version.eventIdIsHash ? {} : { eventId: `$far${++this.#eventCount}:${this.name}` };
    const usual = { prevEvents: [], authEvents: [], depth: 1, originServerTs: EVENT_TS };
    return buildEvent({ ...usual, ...chosenId, ...draft }, version, { serverName: this.name, key: this.key });
  }

  /** The event that a template of `make_join` and its like becomes. `changes` go over its fields. */
  complete(answer: JsonObject, changes: Partial<EventDraft> = {}): BuiltEvent {
    const version = findRoomVersion(String(answer.room_version));
    if (version === undefined) throw new Error(`No room has version ${answer.room_version}`);
    const template = answer.event as JsonObject;
    const previous = referencesIn(template.prev_events);
    const authorizing = referencesIn(template.auth_events);
    const draft = {
      roomId: template.room_id as string,
      sender: template.sender as string,
      type: template.type as string,
      stateKey: template.state_key as string,
      content: template.content as JsonObject,
      depth: template.depth as number,
      prevEvents: [...previous.keys()],
      authEvents: [...authorizing.keys()],
      referenceHashes: new Map([...previous, ...authorizing]),
    };
    return this.build({ ...draft, ...changes }, version);
  }

  /** The event with the signature of this server, too. */
  countersign(event: JsonObject, version: RoomVersion): JsonObject {
    return signEvent(event, version, this.name, this.key);
  }

  /** Its signature on an event as the policy server of a room: of its usual key, under the name that such keys have. */
  policySignature(event: JsonObject, versionId: string): JsonObject {
    const version = findRoomVersion(versionId);
    if (version === undefined) throw new Error(`No room has version ${versionId}`);
    const signature = signText(signedTextOf(event, version), this.key);
    return { [this.name]: { 'ed25519:policy_server': signature } };
  }

  /** Its published keys, or what it gives back of an invite; `undefined` for anything else. */
  answer(path: string, body: string): JsonValue | undefined {
    if (path === '/_matrix/key/v2/server') return this.#peer.keys;
    if (path === '/_matrix/policy/v1/sign') return this.onPolicyQuestion?.(JSON.parse(body) as JsonObject);
    if (!path.startsWith('/_matrix/federation/v2/invite/') || this.onInvite === undefined) return undefined;
    return { event: this.onInvite((JSON.parse(body) as { event: JsonObject }).event) };
  }
}

/** When manual worlds begin. */
const EVENT_TS = 1_700_000_000_000;

function referencesIn(list: JsonValue | undefined): Map<string, string> {
  const references = new Map<string, string>();
  for (const entry of Array.isArray(list) ? list : []) {
    if (Array.isArray(entry)) references.set(entry[0] as string, (entry[1] as { sha256: string }).sha256);
    else references.set(entry as string, '');
  }
  return references;
}
