import { SEED_BYTES, type SigningKey, signingKeyFromSeed } from '@limpet/protocol/signing';
import type { BlobStore } from '../../src/platform/blob-store.ts';
import {
  OutboundFailure,
  type OutboundHttp,
  type OutboundRequest,
  type OutboundResponse,
} from '../../src/platform/outbound-http.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { ManualWorld } from './manual-world.ts';
import { seededRandom } from './seeded-random.ts';
import { createTestServer, type TestServer, type TestServerOptions } from './test-server.ts';
import { openTestStorage } from './test-storage.ts';

/**
 * Several whole servers in one process that talk with each other without any network.
 *
 *     const federation = await createTestFederation(['a.test', 'b.test'], { world: createManualWorld() });
 *     const [a, b] = federation.servers('a.test', 'b.test');
 *     …
 *     federation.cut('a.test', 'b.test');              // no request gets through, in either direction
 *     federation.heal('a.test', 'b.test');
 *     await federation.restart('b.test');              // same storage, new server: take it afresh from `server()`
 *     federation.requests('a.test', 'b.test')          // what a asked of b: [{ method, path, status }]
 *     await federation.stop();
 *
 * Each server signs with a key of its own and verifies the others' signatures; requests to a server that is not there
 * fail as they would (`unreachable`), and so do those under way when a link is cut, whether they were answered or not.
 * Without a world the servers live by the real clock.
 */
export async function createTestFederation(
  names: readonly string[],
  options: TestFederationOptions = {},
): Promise<TestFederation> {
  const links = new Links(options.onRequest);
  const members = new Map<string, Member>();
  let starts = 0;

  async function open(name: string, storage: Storage, blobStore?: BlobStore): Promise<TestServer> {
    starts++;
    const own = options.serverOptions?.[name] ?? {};
    const config = { ...options.config, ...own.config };
    const federation = { servers: fixedRoutes([...names, ...members.keys()], name), ...objectOf(config.federation) };
    const server = await createTestServer({
      ...own,
      config: { ...config, server_name: name, federation },
      storage,
      ...(blobStore === undefined ? {} : { blobStore }),
      // A server that starts again keeps its key, and what it makes up from then on is new.
      signingKey: signingKeyOf(name),
      seed: numberOf(name) + starts,
      outboundHttp: own.outboundHttp ?? links.outboundHttpOf(name),
      ...(options.world === undefined ? {} : { world: options.world }),
    });
    links.connect(name, server);
    return server;
  }

  async function add(name: string): Promise<TestServer> {
    const storage = await openTestStorage();
    const server = await open(name, storage);
    members.set(name, { storage, server });
    return server;
  }

  function member(name: string): Member {
    const found = members.get(name);
    if (found === undefined) throw new Error(`There is no ${name} in this federation`);
    return found;
  }

  async function halt(name: string): Promise<void> {
    links.disconnect(name);
    await member(name).server.stop();
    await links.answered(name);
  }

  async function resume(name: string): Promise<TestServer> {
    const { storage, server: before } = member(name);
    const server = await open(name, storage, before.blobStore);
    members.set(name, { storage, server });
    for (const other of others(name)) forgetFailures(other, name);
    return server;
  }

  function heal(one: string, other: string): void {
    links.heal(one, other);
    forgetFailures(one, other);
    forgetFailures(other, one);
  }

  /** Else the next request would fail at once, as the last one did just now, until the test moves the time. */
  function forgetFailures(of: string, server: string): void {
    member(of).server.server.services.remoteServers.forgetFailures(server);
  }

  function others(name: string): string[] {
    return [...members.keys()].filter((other) => other !== name);
  }

  for (const name of names) await add(name);
  return {
    server: (name) => member(name).server,
    servers: (...wanted) => (wanted.length === 0 ? names : wanted).map((name) => member(name).server),
    add,
    cut: (one, other) => links.cut(one, other),
    heal,
    cutAll(name) {
      for (const other of others(name)) links.cut(name, other);
    },
    healAll(name) {
      for (const other of others(name)) heal(name, other);
    },
    requests: (from, to) => links.log.filter((entry) => entry.from === from && (to === undefined || entry.to === to)),
    clearRequests: () => void links.log.splice(0),
    halt,
    resume,
    async restart(name) {
      await halt(name);
      return resume(name);
    },
    async stop() {
      for (const name of members.keys()) if (links.isConnected(name)) await halt(name);
      for (const { storage } of members.values()) await storage.close();
    },
  };
}

export interface TestFederationOptions {
  /** Time that the test moves, for all servers alike. */
  readonly world?: ManualWorld;
  /** For every server, as in a configuration file. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** For single servers, by name: its `config` goes over the common one. */
  readonly serverOptions?: Readonly<
    Record<string, Pick<TestServerOptions, 'config' | 'log' | 'rateLimits' | 'outboundHttp'>>
  >;
  /** Sees every request between servers before it arrives; see `RequestHook`. */
  readonly onRequest?: RequestHook;
}

/**
 * May answer in the other server's place, change what it answers, delay it, or fail: `pass` asks the other server.
 *
 *     onRequest: async ({ to, path }, pass) => {
 *       if (path.startsWith('/_matrix/federation/v1/backfill')) await gate;        // a slow server
 *       const response = await pass();
 *       return to === 'evil.test' ? { ...response, status: 200, body: '<html>' } : response;
 *     }
 */
export type RequestHook = (
  request: FederationRequest,
  pass: () => Promise<FederationResponse>,
) => Promise<FederationResponse>;

export interface FederationRequest {
  readonly from: string;
  readonly to: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** '' where there is none. */
  readonly body: string;
}

export interface FederationResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** A request that was sent, in the order they were sent. */
export interface LoggedRequest {
  readonly from: string;
  readonly to: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** `undefined` while there is no answer, and where none came. */
  status: number | undefined;
}

export interface TestFederation {
  server(name: string): TestServer;
  /** Those named, or all, in the order in which they were named. */
  servers(...names: string[]): TestServer[];
  /** One more server, which the others reach at once. */
  add(name: string): Promise<TestServer>;
  /** Cuts the link between two, in both directions. What is under way is lost. */
  cut(one: string, other: string): void;
  /** What the two remember of failures is forgotten, too, so that the next request is sent. It wakes nobody. */
  heal(one: string, other: string): void;
  /** Cuts all links of one server. */
  cutAll(name: string): void;
  healAll(name: string): void;
  /** What `from` asked of `to`, or of anybody. */
  requests(from: string, to?: string): LoggedRequest[];
  clearRequests(): void;
  /** Stops one server; its storage stays. */
  halt(name: string): Promise<void>;
  /** Starts one that was halted, over its storage. The others forget what they remember of failures. */
  resume(name: string): Promise<TestServer>;
  /** Both. The server from before is of no use afterwards. */
  restart(name: string): Promise<TestServer>;
  /** Stops all, and closes their storages. */
  stop(): Promise<void>;
}

interface Member {
  readonly storage: Storage;
  readonly server: TestServer;
}

/** The wires. */
class Links {
  readonly log: LoggedRequest[] = [];
  readonly #onRequest: RequestHook;
  readonly #servers = new Map<string, TestServer>();
  readonly #cut = new Set<string>();
  /** What servers are answering, by server. */
  readonly #answering = new Map<string, Set<Promise<unknown>>>();

  constructor(onRequest: RequestHook = (_request, pass) => pass()) {
    this.#onRequest = onRequest;
  }

  connect(name: string, server: TestServer): void {
    this.#servers.set(name, server);
  }

  disconnect(name: string): void {
    this.#servers.delete(name);
  }

  isConnected(name: string): boolean {
    return this.#servers.has(name);
  }

  /** Kept when a server has answered all that it was asked: whoever asked may have gone, and it works on. */
  async answered(name: string): Promise<void> {
    await Promise.allSettled(this.#answering.get(name) ?? []);
  }

  cut(one: string, other: string): void {
    this.#cut.add(linkOf(one, other));
  }

  heal(one: string, other: string): void {
    this.#cut.delete(linkOf(one, other));
  }

  outboundHttpOf(from: string): OutboundHttp {
    return { send: (request) => this.#send(from, request) };
  }

  async #send(from: string, sent: OutboundRequest): Promise<OutboundResponse> {
    const url = new URL(sent.url);
    const to = url.hostname;
    const body = sent.body === undefined ? '' : Buffer.from(sent.body).toString();
    const path = `${url.pathname}${url.search}`;
    const entry: LoggedRequest = { from, to, method: sent.method, path, body, status: undefined };
    this.log.push(entry);
    const request = { ...entry, headers: { ...sent.headers, host: sent.host ?? url.host } };
    // As from a network: nothing is answered before the asking side has gone on.
    await new Promise((resolve) => setImmediate(resolve));
    const response = await Promise.race([this.#onRequest(request, () => this.#pass(request)), aborted(sent.signal)]);
    this.#throwIfCut(request);
    const bytes = Buffer.from(response.body);
    if (bytes.byteLength > sent.maxBytes) {
      throw new OutboundFailure('too-large', `${to} answered with more than ${sent.maxBytes} bytes`);
    }
    entry.status = response.status;
    return { status: response.status, headers: response.headers, body: bytes };
  }

  async #pass(request: FederationRequest): Promise<FederationResponse> {
    this.#throwIfCut(request);
    const { method, path, headers, body } = request;
    const server = this.#servers.get(request.to);
    if (server === undefined) {
      throw new OutboundFailure('unreachable', `${request.to} is not there`);
    }
    const answering = server.server.inject({
      method: method as 'GET',
      url: path,
      headers: { ...headers },
      ...(body === '' ? {} : { payload: body }),
    });
    const open = this.#answering.get(request.to) ?? new Set();
    this.#answering.set(request.to, open.add(answering));
    const answer = await answering.finally(() => open.delete(answering));
    if (this.#servers.get(request.to) !== server) {
      throw new OutboundFailure('unreachable', `${request.to} stopped meanwhile`);
    }
    const texts = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
    return { status: answer.statusCode, headers: Object.fromEntries(texts), body: answer.rawPayload };
  }

  #throwIfCut({ from, to }: FederationRequest): void {
    if (this.#cut.has(linkOf(from, to))) {
      throw new OutboundFailure('unreachable', `The link between ${from} and ${to} is cut`);
    }
  }
}

function linkOf(one: string, other: string): string {
  return [one, other].sort().join(' ');
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = () => reject(new OutboundFailure('aborted', 'The caller gave up'));
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** Plain HTTP to the name itself, where `Links` finds the server. */
function fixedRoutes(names: readonly string[], own: string): Record<string, string> {
  return Object.fromEntries(names.filter((name) => name !== own).map((name) => [name, `http://${name}`]));
}

function signingKeyOf(name: string): SigningKey {
  return signingKeyFromSeed('ed25519:test', seededRandom(numberOf(name)).bytes(SEED_BYTES));
}

/** The same for a name in every run, another for another name. */
function numberOf(name: string): number {
  return [...name].reduce((seed, character) => (seed * 31 + character.charCodeAt(0)) % 2_147_483_647, 7);
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
