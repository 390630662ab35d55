import { defineEndpoint } from '@limpet/protocol/endpoint';
import { verifyKeyFromBase64 } from '@limpet/protocol/signing';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { Type } from 'typebox';
import { afterEach, expect, test } from 'vitest';
import { silentLog } from '../../tests/support/silent-log.ts';
import { createTestPeer, type PeerRequest, type TestPeer } from '../../tests/support/test-peer.ts';
import { AccountRequests } from '../services/accounts/account-requests.ts';
import type { WantedKey } from '../services/remote-servers/remote-servers.ts';
import { createHttpApp } from './create-http-app.ts';
import { createOpenRequests } from './open-requests.ts';
import { createRateLimits, type RateLimitOptions } from './rate-limits.ts';
import { route } from './route.ts';

const putThing = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/thing/{name}',
  authentication: 'server signature',
  summary: 'Echo what came',
  body: Type.Object({ number: Type.Optional(Type.Unknown()) }),
});

const getThing = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/thing/{name}',
  authentication: 'server signature',
  summary: 'Say who asked',
});

const PATH = '/_matrix/federation/v1/thing/a%2Fb?x=%20y&x=2';
const peer = createTestPeer('remote.test');
const apps: FastifyInstance[] = [];
let asked: WantedKey[] = [];
let gate: Promise<void> | undefined;

function createApp(limits: RateLimitOptions['limits'] = {}): FastifyInstance {
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  asked = [];
  const app = createHttpApp({
    routes: [
      route(putThing, ({ requester, body, path }) => ({
        origin: requester.serverName,
        name: path.name,
        isNaN: Number.isNaN(body.number),
      })),
      route(getThing, ({ requester }) => ({ origin: requester.serverName })),
    ],
    clock,
    log: silentLog,
    edge: {
      tokenVerifier: { verify: async () => undefined },
      accountRequests: new AccountRequests(),
      rateLimits: createRateLimits({ clock, isEnabled: true, limits }),
      openRequests: createOpenRequests(),
      isBehindProxy: false,
      serverName: 'localhost',
      heardFrom() {},
      serverKeys: {
        async find(wanted) {
          asked.push(...wanted);
          await gate;
          return wanted.map(({ serverName, keyId }) => keyOf(serverName, keyId));
        },
      },
    },
  });
  apps.push(app);
  return app;
}

function keyOf(serverName: string, keyId: string) {
  const isKnown = serverName === peer.serverName && keyId === peer.signingKey.keyId;
  return isKnown ? verifyKeyFromBase64(peer.signingKey.publicKeyBase64) : undefined;
}

afterEach(async () => {
  gate = undefined;
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function put(
  body: string,
  headers: Record<string, string>,
  app = createApp(),
): Promise<{ status: number; body: Record<string, unknown> }> {
  const request: InjectOptions = { method: 'PUT', url: PATH, payload: body, headers };
  const response = await app.inject(request);
  return { status: response.statusCode, body: response.json() };
}

function signed(changes: Partial<PeerRequest> = {}, by: TestPeer = peer): Record<string, string> {
  return by.sign({ method: 'PUT', path: PATH, body: '{"b":1,"a":[2]}', ...changes });
}

test('a request is of the server that signed it, whatever the order of its keys', async () => {
  const answer = await put('{ "a": [2], "b": 1 }', signed());
  expect(answer).toEqual({ status: 200, body: { origin: 'remote.test', name: 'a/b', isNaN: false } });
  expect(asked).toEqual([{ serverName: 'remote.test', keyId: 'ed25519:peer', validAt: 'now' }]);
});

test('one without a body is signed without content', async () => {
  const response = await createApp().inject({
    method: 'GET',
    url: PATH,
    headers: signed({ method: 'GET', body: undefined }),
  });
  expect(response.json()).toEqual({ origin: 'remote.test' });
});

test('a number that is not canonical shows, and does not break the signature', async () => {
  const body = '{"z":{"é":1,"number":2},"number":1.0,"list":[1e2,{"b":-0.5,"a":"1.0"}],"":null}';
  const canonical = '{"":null,"list":[1e2,{"a":"1.0","b":-0.5}],"number":1.0,"z":{"number":2,"é":1}}';
  expect(await put(body, peer.sign({ method: 'PUT', path: PATH, content: canonical }))).toMatchObject({
    status: 200,
    body: { isNaN: true },
  });
});

test.each<[string, () => Record<string, string>]>([
  ['no signature', () => ({})],
  ['an access token', () => ({ authorization: 'Bearer x' })],
  ['a broken header', () => ({ authorization: 'X-Matrix origin="remote.test' })],
  ['an origin that is no server name', () => ({ authorization: 'X-Matrix origin="a b",key="ed25519:1",sig="x"' })],
  ['a signature that is no Base64', () => ({ authorization: 'X-Matrix origin=remote.test,key=ed25519:peer,sig="*"' })],
  ['another method', () => signed({ method: 'POST' })],
  ['another path', () => signed({ path: PATH.replace('%2F', '/') })],
  ['another query', () => signed({ path: `${PATH}&y=1` })],
  ['another body', () => signed({ body: '{"b":1,"a":[3]}' })],
  ['no body', () => signed({ body: undefined })],
  ['another destination', () => signed({ destination: 'other.test' })],
  ['another server that says to be this one', () => signed({}, createTestPeer('remote.test', { seed: 5 }))],
  ['a server whose key nobody knows', () => signed({}, createTestPeer('unknown.test'))],
  ['this very server', () => signed({}, createTestPeer('localhost'))],
])('with %s it is refused', async (_what, headers) => {
  const { status, body } = await put('{"b":1,"a":[2]}', headers());
  expect({ status, errcode: body.errcode }).toEqual({ status: 401, errcode: 'M_UNAUTHORIZED' });
  expect(String(body.error)).toMatch(/\w+ \w+/);
});

test('a signature for another destination is refused also where the header does not name it', async () => {
  const { authorization = '' } = signed({ destination: 'other.test' });
  const headers = { authorization: authorization.replace('destination="other.test",', '') };
  expect((await put('{"b":1,"a":[2]}', headers)).status).toBe(401);
});

test('an old server does not name the destination, and signs for it all the same', async () => {
  const { authorization = '' } = signed();
  const headers = { authorization: authorization.replace('destination="localhost",', '') };
  expect((await put('{"b":1,"a":[2]}', headers)).status).toBe(200);
});

test('one good signature among several is enough', async () => {
  const app = createApp();
  await app.listen({ port: 0 });
  const address = app.server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const { authorization = '' } = signed();
  const other = authorization.replace('ed25519:peer', 'ed25519:other');
  const { request } = await import('node:http');
  const status = await new Promise((resolve, reject) => {
    const headers = [
      'Host',
      'localhost',
      'Content-Length',
      '15',
      'Authorization',
      other,
      'Authorization',
      authorization,
    ];
    const sent = request({ port, method: 'PUT', path: PATH, headers }, (response) => resolve(response.statusCode));
    sent.once('error', reject).end('{"b":1,"a":[2]}');
  });
  expect(status).toBe(200);
});

test('what cannot be good is refused before its body is read', async () => {
  const app = createApp();
  expect((await put('{', {}, app)).status).toBe(401);
  expect((await put('{', signed({ destination: 'other.test' }), app)).status).toBe(401);
  expect((await put('{', signed(), app)).body.errcode).toBe('M_NOT_JSON');
  expect(asked).toEqual([]);
});

test('too many requests of one server are refused, and do not count for another', async () => {
  const app = createApp({ federation: { burst: 1, perSecond: 0.001 } });
  const body = '{"b":1,"a":[2]}';
  expect((await put(body, signed(), app)).status).toBe(200);
  expect((await put(body, signed(), app)).status).toBe(429);
  expect((await put(body, signed({}, createTestPeer('other.test')), app)).status).toBe(401);
});

test('who forges signatures is slowed down, and asks for no more keys', async () => {
  const app = createApp({ general: { burst: 2, perSecond: 0.001 } });
  const statuses: number[] = [];
  for (let count = 0; count < 4; count++) {
    statuses.push((await put('{}', signed({}, createTestPeer(`forged${count}.test`)), app)).status);
  }
  expect(statuses).toEqual([401, 401, 429, 429]);
});

test('who makes up servers does not have all their keys looked for at once', async () => {
  let open = () => {};
  gate = new Promise((resolve) => {
    open = resolve;
  });
  const app = createApp();
  const statuses: number[] = [];
  const answers = Array.from({ length: 110 }, async (_unused, number) => {
    const { status } = await put('{}', signed({}, createTestPeer(`forged${number}.test`)), app);
    statuses.push(status);
  });
  await expect.poll(() => statuses).toEqual(new Array(10).fill(429));
  expect(asked).toHaveLength(100);
  open();
  await Promise.all(answers);
  expect(statuses.slice(10)).toEqual(new Array(100).fill(401));
  expect((await put('{"b":1,"a":[2]}', signed(), app)).status).toBe(200);
});
