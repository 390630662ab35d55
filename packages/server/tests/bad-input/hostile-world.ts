import type { Endpoint } from '@limpet/protocol/endpoint';
import type { Session } from '../../src/services/accounts/sessions.ts';
import { createManualWorld } from '../support/manual-world.ts';
import { createTestPeer, type TestPeer } from '../support/test-peer.ts';
import {
  createTestServer,
  type Method,
  type TestRequest,
  type TestResponse,
  type TestServer,
  type TestServerOptions,
} from '../support/test-server.ts';

export const V3 = '/_matrix/client/v3';

/** A server with all that the paths of endpoints name: Alice made a room and spoke in it, Bob is in it. */
export interface HostileWorld {
  readonly server: TestServer;
  readonly alice: Session;
  readonly bob: Session;
  readonly roomId: string;
  /** What Alice said. */
  readonly eventId: string;
  /** Names of path parameters, with values that exist. */
  readonly known: Readonly<Record<string, string>>;
  /** Names of fields of bodies, with values that do something. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The first path of the endpoint with good values, or these, as they go into a URL. */
  pathOf(endpoint: Endpoint, raw?: Readonly<Record<string, string>>): string;
  /** Another server, whose key is known. */
  readonly peer: TestPeer;
  /** Alice's access token. */
  token(): string;
  /** Logs Alice in again and lets her into the room again, where a request took her out. */
  repair(): Promise<void>;
}

export async function createHostileWorld(options: TestServerOptions = {}): Promise<HostileWorld> {
  const config = {
    registration: { mode: 'open' },
    registration_shared_secret: 'shared secret',
    federation: { well_known_server: 'localhost:8448' },
    ...options.config,
  };
  const peer = createTestPeer('remote.test');
  const { outboundHttp } = peer;
  const server = await createTestServer({ world: createManualWorld(), outboundHttp, ...options, config });
  const { keyId } = peer.signingKey;
  await server.server.services.remoteServers.keys.find([{ serverName: peer.serverName, keyId, validAt: 'now' }]);
  const [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
  const token = alice.accessToken;
  const room = { preset: 'public_chat', room_alias_name: 'room' };
  const roomId = String((await server.ok('POST', `${V3}/createRoom`, { token, body: room })).room_id);
  await server.ok('POST', `${V3}/join/${roomId}`, { token: bob.accessToken });
  const sent = await server.ok('PUT', `${V3}/rooms/${roomId}/send/m.room.message/first`, {
    token,
    body: { msgtype: 'm.text', body: 'Hello' },
  });
  const delayed = `/_matrix/client/v3/rooms/${roomId}/delayed_event/org.example.type/first`;
  const scheduled = await server.ok('PUT', delayed, { token, body: { delay_ms: 3_600_000, content: {} } });
  const backup = { algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2', auth_data: {} };
  const { version } = await server.ok('POST', `${V3}/room_keys/version`, { token, body: backup });
  const known: Record<string, string> = {
    version: String(version),
    sessionId: 'session',
    delayId: String(scheduled.delay_id),
    action: 'restart',
    roomId,
    roomIdOrAlias: roomId,
    roomAlias: '#room:localhost',
    eventId: String(sent.event_id),
    eventType: 'org.example.type',
    relType: 'm.thread',
    stateKey: 'key',
    txnId: 'transaction',
    userId: alice.userId,
    deviceId: alice.deviceId,
    keyName: 'displayname',
    receiptType: 'm.read',
    scope: 'global',
    kind: 'override',
    ruleId: '.m.rule.master',
    protocol: 'irc',
    authType: 'm.login.password',
    networkId: 'irc',
    appserviceId: 'irc',
    type: 'org.example.type',
    tag: 'u.tag',
    keyId: 'ed25519:test',
    serverName: 'remote.test',
    mediaId: 'AAAAAAAAAAAAAAAAAAAAAAAA',
    fileName: 'cat.png',
    filterId: '0',
    idpId: 'example',
    queryType: 'weather',
  };
  const fields = {
    action: 'restart',
    delay_ms: 1_000,
    delay: 1_000,
    user_id: bob.userId,
    messages: { [alice.userId]: { '*': { text: 'Hello' } } },
    device_keys: {
      user_id: alice.userId,
      device_id: alice.deviceId,
      algorithms: ['m.olm.v1.curve25519-aes-sha2'],
      keys: { [`ed25519:${alice.deviceId}`]: 'key' },
      signatures: { [alice.userId]: { [`ed25519:${alice.deviceId}`]: 'signature' } },
    },
    one_time_keys: { 'signed_curve25519:AAAA': { key: 'key' } },
    fallback_keys: { 'signed_curve25519:BBBB': { key: 'key', fallback: true } },
    ...backup,
    version,
    rooms: { [roomId]: { sessions: {} } },
    'm.fully_read': sent.event_id,
    'm.read': sent.event_id,
    'm.read.private': sent.event_id,
    creation_content: {},
    power_level_content_override: {},
    initial_state: [{ type: 'm.room.topic', state_key: '', content: { topic: 'text' } }],
    room_version: '12',
    invite: [],
    invite_3pid: [],
    third_party_signed: undefined,
    password: 'a long password',
    new_password: 'a long password',
    username: 'somebody',
    room_alias_name: 'name',
    displayname: 'Alice',
    filter: {},
    room_id: roomId,
    new_version: '12',
    additional_creators: [],
    kind: 'http',
    data: { url: 'https://remote.test/_matrix/push/v1/notify' },
    presence: 'online',
    actions: ['notify'],
    conditions: [{ kind: 'event_match', key: 'type', pattern: 'm.*' }],
  };
  let { accessToken } = alice;
  const defaults: Readonly<Record<string, string>> = known;

  return {
    server,
    alice,
    bob,
    roomId,
    eventId: String(sent.event_id),
    known: defaults,
    fields,
    peer,
    pathOf(endpoint, raw = {}) {
      return endpoint.paths[0].replaceAll(/\{([A-Za-z]+)\}/g, (_match, name: string) => {
        return raw[name] ?? encodeURIComponent(defaults[name] ?? 'x');
      });
    },
    token: () => accessToken,
    async repair() {
      const { status, body } = await server.request('GET', `${V3}/joined_rooms`, { token: accessToken });
      if (status === 401) accessToken = await logIn(server, alice.deviceId);
      if (Array.isArray(body.joined_rooms) && body.joined_rooms.includes(roomId)) return;
      await server.ok('POST', `${V3}/join/${roomId}`, { token: accessToken });
    },
  };
}

/** On the same device. */
async function logIn(server: TestServer, deviceId: string): Promise<string> {
  const identifier = { type: 'm.id.user', user: 'alice' };
  const body = { type: 'm.login.password', identifier, password: 'password of alice', device_id: deviceId };
  return String((await server.ok('POST', `${V3}/login`, { body })).access_token);
}

/** Asks, and gives what is wrong with the answer as one that refuses or grants; nothing in the best case. */
export interface Trial {
  readonly method: Method;
  readonly path: string;
  readonly request: TestRequest;
}

export interface Outcome {
  readonly answer: TestResponse;
  readonly faults: readonly string[];
}

/** No 5xx, CORS, a refusal explains itself, shows no stack, and has written nothing. */
export async function tryRequest({ storage, request }: TestServer, trial: Trial): Promise<Outcome> {
  const batches = storage.tally.batches;
  let changes = 0;
  const unfollow = storage.stream.follow((published) => {
    changes += published.length;
  });
  const answer = await request(trial.method, trial.path, trial.request);
  unfollow();
  const faults = faultsOf(answer);
  // A room takes its number before its events are looked at; an unused number is nothing.
  const numbers = trial.path.endsWith('/createRoom') ? 1 : 0;
  const isWritten = storage.tally.batches > batches + numbers || changes > 0;
  if (answer.status >= 400 && isWritten) faults.push('was refused and wrote something');
  const said = JSON.stringify(answer.body).slice(0, 200);
  return { answer, faults: faults.map((fault) => `${trial.method} ${trial.path.slice(0, 200)}: ${fault} ${said}`) };
}

function faultsOf({ status, headers, body, text }: TestResponse): string[] {
  const faults: string[] = [];
  // 502 is said on purpose, where another server is asked and fails.
  if (status >= 500 && status !== 502) faults.push(`answered ${status}`);
  if (headers['access-control-allow-origin'] !== '*') faults.push('has no CORS header');
  if (status < 400) return faults;
  if (/\.ts:\d|node_modules|\bat [A-Z]\w+\./.test(text)) faults.push('shows a stack');
  // A person reads it.
  if (String(headers['content-type']).startsWith('text/html')) return faults;
  const isChallenge = status === 401 && Array.isArray(body.flows);
  if (!isChallenge && !/^(M|ORG\.MATRIX\.MSC\d+)_[A-Z_]+$/.test(String(body.errcode))) faults.push('has no errcode');
  if (!isChallenge && !/\S+ \S+/.test(String(body.error ?? ''))) faults.push('explains nothing');
  return faults;
}
