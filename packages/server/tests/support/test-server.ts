import type { JsonObject } from '@limpet/protocol/json';
import { SEED_BYTES, type SigningKey, signingKeyFromSeed } from '@limpet/protocol/signing';
import { readConfig } from '../../src/config.ts';
import { createServer, type Server, type ServerParts } from '../../src/create-server.ts';
import type { BlobStore } from '../../src/platform/blob-store.ts';
import type { Dns } from '../../src/platform/dns.ts';
import type { Log } from '../../src/platform/log.ts';
import { nodeClock } from '../../src/platform/node/clock.ts';
import { nodeTimers } from '../../src/platform/node/timers.ts';
import type { OutboundHttp } from '../../src/platform/outbound-http.ts';
import { CHEAP_PASSWORD_COST } from '../../src/services/accounts/password-hasher.ts';
import type { Session } from '../../src/services/accounts/sessions.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { ManualWorld } from './manual-world.ts';
import { createMemoryBlobStore } from './memory-blob-store.ts';
import { noNetwork } from './no-network.ts';
import { seededRandom } from './seeded-random.ts';
import { silentLog } from './silent-log.ts';
import { openTestStorage } from './test-storage.ts';

export interface TestServerOptions {
  /** As in a configuration file. Rate limits and presence are off unless given. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Time that the test moves; without it the real clock. */
  readonly world?: ManualWorld;
  /** A storage to go on with (a restart); the test closes it. Without it a new one, closed by `stop`. */
  readonly storage?: Storage;
  /** Seeds what is random; two servers of one test need different ones. */
  readonly seed?: number;
  /** The content of media; without it a new store in memory. */
  readonly blobStore?: BlobStore;
  /** Without it one that the seed makes. */
  readonly signingKey?: SigningKey;
  readonly log?: Log;
  /** How it reaches other machines; without it, it reaches none. */
  readonly outboundHttp?: OutboundHttp;
  readonly dns?: Dns;
  readonly rateLimits?: ServerParts['rateLimits'];
  /** For listeners with `tls`. */
  readonly tls?: NonNullable<ServerParts['tls']>;
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS';

export interface TestRequest {
  readonly token?: string | undefined;
  readonly body?: JsonObject | string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** The JSON object of the answer; `{}` where it is none. */
  readonly body: JsonObject;
  readonly text: string;
  readonly bytes: Uint8Array;
}

export interface TestServer {
  readonly server: Server;
  readonly storage: Storage;
  readonly blobStore: BlobStore;
  request(method: Method, path: string, request?: TestRequest): Promise<TestResponse>;
  /** Like `request`, and throws unless the answer is 200. */
  ok(method: Method, path: string, request?: TestRequest): Promise<JsonObject>;
  /** A new account that is logged in. */
  createUser(name: string, options?: { isAdmin?: boolean }): Promise<Session>;
  stop(): Promise<void>;
}

/** A whole server in this process: no network, a database in memory, cheap passwords. */
export async function createTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const storage = options.storage ?? (await openTestStorage());
  const blobStore = options.blobStore ?? createMemoryBlobStore();
  const random = seededRandom(options.seed ?? 1);
  const server = await createServer({
    config: readConfig(
      { rate_limits: { enabled: false }, presence: { enabled: false }, ...options.config },
      '/nowhere',
    ),
    platform: {
      clock: options.world?.clock ?? nodeClock,
      timers: options.world?.timers ?? nodeTimers,
      random,
      log: options.log ?? silentLog,
      outboundHttp: options.outboundHttp ?? noNetwork.outboundHttp,
      dns: options.dns ?? noNetwork.dns,
      signing: noNetwork.signing,
    },
    storage,
    blobStore,
    signingKey: options.signingKey ?? signingKeyFromSeed('ed25519:test', random.bytes(SEED_BYTES)),
    passwordCost: CHEAP_PASSWORD_COST,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.rateLimits === undefined ? {} : { rateLimits: options.rateLimits }),
  });

  async function request(method: Method, path: string, sent: TestRequest = {}): Promise<TestResponse> {
    const { token, body } = sent;
    const response = await server.inject({
      method,
      url: path,
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...sent.headers },
      ...(body === undefined ? {} : { payload: payloadOf(body) }),
    });
    return {
      status: response.statusCode,
      headers: response.headers,
      body: objectIn(response.body),
      text: response.body,
      bytes: response.rawPayload,
    };
  }

  return {
    server,
    storage,
    blobStore,
    request,
    async ok(method, path, sent) {
      const { status, body, text } = await request(method, path, sent);
      if (status !== 200) {
        throw new Error(`${method} ${path} answered ${status}: ${text}`);
      }
      return body;
    },
    async createUser(name, { isAdmin = false } = {}) {
      const device = { deviceId: undefined, displayName: undefined, clientAddress: undefined };
      const account = { username: name, password: `password of ${name}`, device, isAdmin };
      const { session } = await server.services.accounts.registration.register(account);
      if (session === undefined) {
        throw new Error(`${name} got no session`);
      }
      return session;
    },
    async stop() {
      await server.stop();
      if (options.storage === undefined) {
        await storage.close();
      }
    },
  };
}

function payloadOf(body: JsonObject | string | Uint8Array): string | Buffer {
  if (body instanceof Uint8Array) return Buffer.from(body);
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function objectIn(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
  } catch {
    return {};
  }
}
