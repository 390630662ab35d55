import { defineEndpoint } from '@limpet/protocol/endpoint';
import { asDeviceId, asUserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { MAX_BODY_DEPTH } from '@limpet/protocol/parse-json-bytes';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { Type } from 'typebox';
import { afterEach, describe, expect, test } from 'vitest';
import type { Log, LogFields } from '../platform/log.ts';
import { AccountRequests } from '../services/accounts/account-requests.ts';
import { StorageFailure } from '../storage/storage.ts';
import type { Requester, TokenVerifier } from './authenticate.ts';
import { createHttpApp } from './create-http-app.ts';
import { HttpAnswer } from './http-answer.ts';
import { createOpenRequests } from './open-requests.ts';
import { createRateLimits, type RateLimitOptions } from './rate-limits.ts';
import { RawJson } from './raw-json.ts';

import { type EndpointRequest, type Route, route } from './route.ts';

const echoSend = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}',
  authentication: 'access token',
  summary: 'Echo what came',
  query: Type.Object({ ts: Type.Optional(Type.Integer({ minimum: 0 })) }),
  body: Type.Object({ body: Type.Optional(Type.String()) }),
});

const getState = defineEndpoint({
  method: 'GET',
  path: '/_matrix/client/v3/rooms/{roomId}/state/{eventType}',
  authentication: 'access token',
  summary: 'State without a key',
});

const getStateWithKey = defineEndpoint({
  method: 'GET',
  path: '/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}',
  authentication: 'access token',
  summary: 'State with a key',
});

const getQuery = defineEndpoint({
  method: 'GET',
  paths: ['/_matrix/client/v3/query', '/_matrix/client/r0/query'],
  authentication: 'none',
  summary: 'Echo the query',
  query: Type.Object({
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 10 })),
    full: Type.Optional(Type.Boolean()),
    dir: Type.Optional(Type.Union([Type.Literal('f'), Type.Literal('b')])),
    via: Type.Optional(Type.Array(Type.String())),
    since: Type.String(),
  }),
});

const postOptions = defineEndpoint({
  method: 'POST',
  path: '/_matrix/client/v3/options',
  authentication: 'optional access token',
  summary: 'A body that may be missing',
  body: Type.Object({ reason: Type.Optional(Type.String()), ids: Type.Optional(Type.Array(Type.Integer())) }),
});

const postRequired = defineEndpoint({
  method: 'POST',
  path: '/_matrix/client/v3/required',
  authentication: 'none',
  summary: 'A body that has required keys',
  body: Type.Object({ auth: Type.Object({ type: Type.String() }) }),
});

const getFault = defineEndpoint({
  method: 'GET',
  path: '/_matrix/client/v3/fault/{kind}',
  authentication: 'none',
  summary: 'Answers and failures of every kind',
});

const USER_ID = asUserId('@alice:localhost');
const DEVICE_ID = asDeviceId('DEVICE');

const STANDING = { isGuest: false, isLocked: false, isSuspended: false };

const verifier: TokenVerifier = {
  async verify(accessToken): Promise<Requester | undefined> {
    return accessToken === 'good' && USER_ID !== undefined && DEVICE_ID !== undefined
      ? { userId: USER_ID, deviceId: DEVICE_ID, accessToken, standing: STANDING }
      : undefined;
  },
};

const routes: Route[] = [
  route(echoSend, ({ path, query, body, requester }) => ({
    path: { ...path },
    query: { ...query } as JsonObject,
    body: body as JsonObject,
    requester: requester.userId,
  })),
  route(getState, ({ path }) => ({ type: path.eventType, key: null })),
  route(getStateWithKey, ({ path }) => ({ type: path.eventType, key: path.stateKey })),
  route(getQuery, ({ query }) => ({ ...query }) as JsonObject),
  route(postOptions, ({ body, requester }) => ({ body: body as JsonObject, requester: requester?.userId ?? null }), {
    bodyLimitBytes: 200,
  }),
  route(postRequired, ({ body }) => ({ type: body.auth.type })),
  route(getFault, ({ path }) => faultOf(path.kind)),
];

function faultOf(kind: EndpointRequest<typeof getFault>['path']['kind']): RawJson | HttpAnswer {
  switch (kind) {
    case 'raw':
      return new RawJson('{"prepared":  true}');
    case 'status':
      return new HttpAnswer(401, { flows: [], session: 'x' });
    case 'bytes':
      return new HttpAnswer(200, new Uint8Array([1, 2, 3]), { 'content-type': 'image/png' });
    case 'refusal':
      throw new MatrixError('M_UNSUPPORTED_ROOM_VERSION', 'No.', { extra: { room_version: '99' } });
    case 'storage':
      throw new StorageFailure('disk full', new Error('ENOSPC'));
    default:
      throw new Error('secret detail');
  }
}

interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

function recordingLog(lines: LogLine[]): Log {
  const at = (level: string) => (message: string, fields?: LogFields) => void lines.push({ level, message, fields });
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), with: () => log };
  return log;
}

const apps: FastifyInstance[] = [];
const logLines: LogLine[] = [];

function createApp(limits: Partial<RateLimitOptions> = {}): FastifyInstance {
  logLines.length = 0;
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  const app = createHttpApp({
    routes,
    clock,
    log: recordingLog(logLines),
    edge: {
      tokenVerifier: verifier,
      accountRequests: new AccountRequests(),
      rateLimits: createRateLimits({ clock, isEnabled: false, ...limits }),
      openRequests: createOpenRequests(),
      isBehindProxy: false,
      serverName: 'localhost',
      heardFrom() {},
      serverKeys: { find: async (wanted) => wanted.map(() => undefined) },
    },
  });
  apps.push(app);
  return app;
}

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

const V3 = '/_matrix/client/v3';
const GOOD = { authorization: 'Bearer good' };

async function call(options: InjectOptions, app = createApp()) {
  const response = await app.inject(options);
  return { status: response.statusCode, headers: response.headers, text: response.body, json: tryJson(response.body) };
}

function tryJson(text: string): JsonObject {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function put(url: string, payload: string, headers: Record<string, string> = GOOD) {
  return call({ method: 'PUT', url, payload, headers });
}

describe('paths', () => {
  test.each([
    ['!a%2Fb:localhost', '!a/b:localhost'],
    ['!a%252Fb:localhost', '!a%2Fb:localhost'],
    ['%21r%3Alocalhost', '!r:localhost'],
    ['!r%23%3F%26%20%2B+:x', '!r#?& ++:x'],
    ['!%E2%9C%93:x', '!✓:x'],
    [`!${'r'.repeat(3000)}:x`, `!${'r'.repeat(3000)}:x`],
  ])('%s is the room ID %s', async (encoded, roomId) => {
    const { status, json } = await put(`${V3}/rooms/${encoded}/send/m%2Ft/t%2F1`, '{}');
    expect(status).toBe(200);
    expect(json.path).toEqual({ roomId, eventType: 'm/t', txnId: 't/1' });
  });

  test.each(['%', '%zz', '%ff', '%E2%9C'])('bad percent-encoding %s is 400', async (bad) => {
    const { status, json, headers } = await put(`${V3}/rooms/!a${bad}/send/m/t`, '{}');
    expect([status, json.errcode]).toEqual([400, 'M_INVALID_PARAM']);
    expect(headers['access-control-allow-origin']).toBe('*');
  });

  test.each([
    ['state/m.room.name', null],
    ['state/m.room.name/', ''],
    ['state/m.room.member/%40a%3Ax', '@a:x'],
    ['state/m.x/a%2Fb', 'a/b'],
  ])('%s has the state key %j', async (rest, key) => {
    const { json } = await call({ url: `${V3}/rooms/!r:x/${rest}`, headers: GOOD });
    expect(json.key).toBe(key);
  });

  test('every path of an endpoint is mounted', async () => {
    const { json } = await call({ url: '/_matrix/client/r0/query?since=a' });
    expect(json.since).toBe('a');
  });

  test.each([
    `${V3}/nothing`,
    '/',
    `${V3}/rooms/a/b/c/d/e/f`,
    '/_matrix/client/unstable/rtc/transports',
    `${V3}/query/`,
  ])('%s is unknown: 404 before authentication, with CORS', async (url) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE'] as const) {
      const { status, json, headers } = await call({ method, url });
      expect([status, json.errcode]).toEqual([404, 'M_UNRECOGNIZED']);
      expect(headers['access-control-allow-origin']).toBe('*');
    }
  });

  test('a known path with another method is 405, and names the right one', async () => {
    const { status, json, headers } = await call({ method: 'POST', url: `${V3}/rooms/!a%2Fb:x/state/t?x=1` });
    expect([status, json.errcode, headers.allow]).toEqual([405, 'M_UNRECOGNIZED', 'GET, OPTIONS']);
  });

  test('HEAD answers like GET without a body', async () => {
    const { status, text } = await call({ method: 'HEAD', url: `${V3}/query?since=a` });
    expect([status, text]).toEqual([200, '']);
  });
});

describe('the query', () => {
  test('is turned into what the schema says, with defaults', async () => {
    const { json } = await call({ url: `${V3}/query?since=7&full=true&via=a&via=b%20c&dir=b&_cacheBuster=1` });
    expect(json).toEqual({ since: '7', full: true, via: ['a', 'b c'], dir: 'b', limit: 10, _cacheBuster: '1' });
  });

  test('a list may have one value, a single parameter counts once', async () => {
    const { json } = await call({ url: `${V3}/query?since=1&since=2&via=a&limit=3` });
    expect(json).toEqual({ since: '1', via: ['a'], limit: 3 });
  });

  test.each([
    ['', 'M_MISSING_PARAM', 'The query needs "since".'],
    ['since=a&limit=x', 'M_INVALID_PARAM', '"limit" in the query must be an integer.'],
    ['since=a&limit=1.5', 'M_INVALID_PARAM', '"limit" in the query must be an integer.'],
    ['since=a&limit=101', 'M_INVALID_PARAM', '"limit" in the query must be <= 100.'],
    ['since=a&limit=', 'M_INVALID_PARAM', '"limit" in the query must be an integer.'],
    ['since=a&full=yes', 'M_INVALID_PARAM', '"full" in the query must be a boolean.'],
    ['since=a&dir=up', 'M_INVALID_PARAM', '"dir" in the query must be "f" or "b".'],
    ['since=%ff', 'M_INVALID_PARAM', 'The query parameter "since" is not valid percent-encoded UTF-8.'],
  ])('%s is refused by name', async (query, errcode, error) => {
    const { status, json } = await call({ url: `${V3}/query?${query}` });
    expect({ status, ...json }).toEqual({ status: 400, errcode, error });
  });

  test('a parameter called __proto__ is an ordinary one', async () => {
    const { status } = await call({ url: `${V3}/query?since=a&__proto__=x&constructor=y` });
    expect(status).toBe(200);
  });
});

describe('the body', () => {
  const url = `${V3}/rooms/!r:x/send/m.room.message/1`;

  test.each(['application/json', 'text/plain', 'nonsense', 'application/json; charset=utf-8'])(
    'is JSON whatever Content-Type says: %s',
    async (type) => {
      const { status, json } = await put(url, '{"body":"x"}', { ...GOOD, 'content-type': type });
      expect([status, json.body]).toEqual([200, { body: 'x' }]);
    },
  );

  test.each([
    ['', 'M_NOT_JSON'],
    ['{', 'M_NOT_JSON'],
    ['{"body":"x"} x', 'M_NOT_JSON'],
    ['[]', 'M_BAD_JSON'],
    ['"text"', 'M_BAD_JSON'],
    ['null', 'M_BAD_JSON'],
    ['{"body":1}', 'M_BAD_JSON'],
    [`{"x":${'['.repeat(MAX_BODY_DEPTH)}${']'.repeat(MAX_BODY_DEPTH)}}`, 'M_BAD_JSON'],
    ['['.repeat(500_000), 'M_BAD_JSON'],
    ['{"x":[{"y":"\\ud83d"}]}', 'M_BAD_JSON'],
    ['{"\\udca9":1}', 'M_BAD_JSON'],
  ])('%.20s is refused', async (payload, errcode) => {
    const { status, json } = await put(url, payload);
    expect([status, json.errcode]).toEqual([400, errcode]);
  });

  test('a surrogate pair may be escaped', async () => {
    const { json } = await put(url, '{"body":"\\ud83d\\udca9 \\\\ud83d"}');
    expect(json.body).toEqual({ body: '💩 \\ud83d' });
  });

  test('brackets inside strings are no depth', async () => {
    const { status } = await put(url, JSON.stringify({ body: `"\\${'['.repeat(500)}`, x: '\\' }));
    expect(status).toBe(200);
  });

  test('bytes that are not UTF-8 are refused', async () => {
    const payload = Buffer.from([...Buffer.from('{"body":"'), 0xff, ...Buffer.from('"}')]);
    const { status, json } = await call({ method: 'PUT', url, headers: GOOD, payload });
    expect([status, json.errcode]).toEqual([400, 'M_NOT_JSON']);
  });

  test('a key __proto__ survives as data and changes no prototype', async () => {
    const { text } = await put(url, '{"__proto__":{"isAdmin":true}}');
    expect(text).toContain('"body":{"__proto__":{"isAdmin":true}}');
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
  });

  test('a POST may leave it out', async () => {
    const { json } = await call({ method: 'POST', url: `${V3}/options` });
    expect(json).toEqual({ body: {}, requester: null });
  });

  test('what is missing inside it is named', async () => {
    const { json } = await call({ method: 'POST', url: `${V3}/required`, payload: '{"auth":{}}' });
    expect(json).toEqual({ errcode: 'M_MISSING_PARAM', error: 'The body needs "auth.type".' });
  });

  test('beyond the limit of its endpoint it is 413 with CORS', async () => {
    const payload = JSON.stringify({ reason: 'x'.repeat(200) });
    const { status, json, headers } = await call({ method: 'POST', url: `${V3}/options`, payload });
    expect([status, json.errcode, headers['access-control-allow-origin']]).toEqual([413, 'M_TOO_LARGE', '*']);
  });
});

describe('access tokens', () => {
  const url = `${V3}/rooms/!r:x/state/t`;

  test.each([
    [{ authorization: 'Bearer good' }, ''],
    [{ authorization: 'bearer  good' }, ''],
    [{}, '?access_token=good'],
  ])('%j%s is let in', async (headers, query) => {
    expect((await call({ url: url + query, headers })).status).toBe(200);
  });

  test.each([
    [{}, '', 'M_MISSING_TOKEN'],
    [{ authorization: 'Basic good' }, '', 'M_MISSING_TOKEN'],
    [{ authorization: 'Bearer ' }, '?access_token=', 'M_MISSING_TOKEN'],
    [{ authorization: 'Bearer bad' }, '', 'M_UNKNOWN_TOKEN'],
    [{ authorization: `Bearer ${'x'.repeat(5000)}` }, '', 'M_UNKNOWN_TOKEN'],
    [{}, '?access_token=bad', 'M_UNKNOWN_TOKEN'],
  ])('%j%s is refused with %s', async (headers, query, errcode) => {
    const { status, json, headers: answered } = await call({ url: url + query, headers });
    expect([status, json.errcode, answered['access-control-allow-origin']]).toEqual([401, errcode, '*']);
  });

  test('an optional one that is wrong is refused, too', async () => {
    const { status } = await call({ method: 'POST', url: `${V3}/options?access_token=bad` });
    expect(status).toBe(401);
  });

  test('is looked at before the body', async () => {
    const { json } = await put(`${V3}/rooms/!r:x/send/m/t`, '{', {});
    expect(json.errcode).toBe('M_MISSING_TOKEN');
  });
});

describe('answers', () => {
  test('prepared JSON goes out as it is', async () => {
    const { text, headers } = await call({ url: `${V3}/fault/raw` });
    expect([text, headers['content-type']]).toEqual(['{"prepared":  true}', 'application/json; charset=utf-8']);
  });

  test('may have a status and headers of their own', async () => {
    const app = createApp();
    expect((await call({ url: `${V3}/fault/status` }, app)).status).toBe(401);
    const bytes = await app.inject({ url: `${V3}/fault/bytes` });
    expect([bytes.headers['content-type'], [...bytes.rawPayload]]).toEqual(['image/png', [1, 2, 3]]);
  });

  test('a refusal has its status and all that it says', async () => {
    const { status, json } = await call({ url: `${V3}/fault/refusal` });
    expect({ status, ...json }).toEqual({
      status: 400,
      errcode: 'M_UNSUPPORTED_ROOM_VERSION',
      error: 'No.',
      room_version: '99',
    });
  });

  test('a database that fails is 503 with Retry-After', async () => {
    const { status, headers, json } = await call({ url: `${V3}/fault/storage` });
    expect([status, headers['retry-after'], json.retry_after_ms]).toEqual([503, '5', 5000]);
    expect(logLines.filter((line) => line.level === 'error').map((line) => line.message)).toEqual([
      'The database failed a request',
    ]);
  });

  test('a bug is 500, says nothing of itself, and is loud in the log under the same request ID', async () => {
    const { status, json, text } = await call({ url: `${V3}/fault/bug` });
    expect([status, json.errcode]).toEqual([500, 'M_UNKNOWN']);
    expect(text).not.toContain('secret');
    const [line] = logLines.filter((entry) => entry.level === 'error');
    expect(text).toContain(String(line?.fields?.requestId));
  });

  test('OPTIONS is answered for any path', async () => {
    for (const url of [`${V3}/query`, `${V3}/nothing`, `${V3}/rooms/!r:x/state/t`]) {
      const { status, headers } = await call({ method: 'OPTIONS', url });
      expect(status).toBe(204);
      expect(headers['access-control-allow-methods']).toContain('PUT');
      expect(headers['access-control-allow-headers']).toContain('Authorization');
    }
  });

  test('the access log holds no token', async () => {
    await call({ url: `${V3}/query?since=a&access_token=secret-token` });
    const lines = logLines.filter((line) => line.message === 'Answered');
    expect(lines.map((line) => [line.level, line.fields?.route, line.fields?.status])).toEqual([
      ['debug', `${V3}/query`, 200],
    ]);
    expect(JSON.stringify(logLines)).not.toContain('secret-token');
  });
});

describe('rate limits', () => {
  test('the general one counts a user, and answers 429 with Retry-After', async () => {
    const app = createApp({ isEnabled: true, limits: { general: { burst: 2, perSecond: 0.5 } } });
    const url = `${V3}/rooms/!r:x/state/t`;
    const statuses = [];
    for (let count = 0; count < 3; count++) {
      statuses.push((await call({ url, headers: GOOD }, app)).status);
    }
    expect(statuses).toEqual([200, 200, 429]);
    const { json, headers } = await call({ url, headers: GOOD }, app);
    expect([json.errcode, json.retry_after_ms, headers['retry-after']]).toEqual(['M_LIMIT_EXCEEDED', 2000, '2']);
    expect((await call({ url: `${V3}/query?since=a` }, app)).status).toBe(200);
  });

  test('who guesses tokens is slowed down by address', async () => {
    const app = createApp({ isEnabled: true, limits: { general: { burst: 1, perSecond: 1 } } });
    const guess = () => call({ url: `${V3}/rooms/!r:x/state/t?access_token=bad` }, app);
    expect([(await guess()).status, (await guess()).status]).toEqual([401, 429]);
  });
});
