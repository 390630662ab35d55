import { createHash } from 'node:crypto';
import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import { createManualWorld } from './support/manual-world.ts';
import { createTestServer, type Method, type TestResponse, type TestServer } from './support/test-server.ts';

const V3 = '/_matrix/client/v3';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const ALICES_PASSWORD = 'password=password+of+alice';

let server: TestServer;

afterEach(() => server.stop());

function page(authType: string, session: string, version = 'v3'): string {
  return `/_matrix/client/${version}/auth/${authType}/fallback/web?session=${encodeURIComponent(session)}`;
}

function submit(authType: string, session: string, body: string): Promise<TestResponse> {
  return server.request('POST', page(authType, session), { body, headers: FORM });
}

async function sessionOf(method: Method, path: string, request: { token?: string; body?: JsonObject }) {
  const { status, body } = await server.request(method, path, request);
  expect(status).toBe(401);
  return String(body.session);
}

/** What the rules of the page name has to be what stands in it, or the browser runs nothing of it. */
function expectSafe({ headers, text }: TestResponse) {
  expect(headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  });
  const policy = String(headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain('unsafe');
  const inline = [...text.matchAll(/<(style|script)>([\s\S]*?)<\/\1>/g)];
  for (const [, element, content = ''] of inline) {
    const hash = createHash('sha256').update(content).digest('base64');
    expect(policy).toContain(`${element}-src 'sha256-${hash}'`);
  }
  expect(text).not.toMatch(/\son[a-z]+=|\ssrc=|\sstyle=|https?:/);
}

describe('a page for the password', () => {
  async function aliceDeletes(deviceId = 'OTHER') {
    server = await createTestServer();
    const alice = await server.createUser('alice');
    const path = `${V3}/devices/${encodeURIComponent(deviceId)}`;
    const session = await sessionOf('DELETE', path, { token: alice.accessToken, body: {} });
    return { alice, path, session };
  }

  test('says whose and what for, takes it, and the request goes through with the session alone', async () => {
    const { alice, path, session } = await aliceDeletes();
    const asked = await server.request('GET', page('m.login.password', session));
    expect(asked.status).toBe(200);
    expectSafe(asked);
    expect(asked.text).toContain('<b>@alice:localhost</b> wants to log out the device OTHER.');
    expect(asked.text).toContain('name="password" type="password"');

    const done = await submit('m.login.password', session, ALICES_PASSWORD);
    expect(done.status).toBe(200);
    expectSafe(done);
    expect(done.text).toContain("window.opener.postMessage('authDone', '*')");
    const again = await server.request('GET', page('m.login.password', session));
    expect(again.text).toBe(done.text);

    const request = { token: alice.accessToken, body: { auth: { session } } };
    expect(await server.ok('DELETE', path, request)).toEqual({});
    expect((await server.request('GET', page('m.login.password', session))).status).toBe(404);
    expect((await server.request('DELETE', path, request)).status).toBe(401);
  });

  test('is there under the older path, too', async () => {
    const { session } = await aliceDeletes();
    expect((await server.request('GET', page('m.login.password', session, 'r0'))).status).toBe(200);
  });

  test.each(['password=wrong', 'password=', '', 'password=a&password=b', '{}'])('asks again after %j', async (body) => {
    const { alice, path, session } = await aliceDeletes();
    const answer = await submit('m.login.password', session, body);
    expect(answer.status).toBe(403);
    expectSafe(answer);
    expect(answer.text).toContain('This is not your password. Try again.');
    const request = { token: alice.accessToken, body: { auth: { session } } };
    expect(await server.request('DELETE', path, request)).toMatchObject({ status: 401, body: { completed: [] } });
  });

  test('shows what others wrote as what they wrote', async () => {
    const { session } = await aliceDeletes(`"><script>alert('1')</script>&amp;`);
    const { text } = await server.request('GET', page('m.login.password', session));
    expect(text).not.toContain('<script>');
    expect(text).toContain('&#34;&#62;&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#38;amp;');
  });

  test.each<[string, (session: string) => [string, string]]>([
    ['an unknown session', () => ['m.login.password', 'unknown']],
    ['a stage that is not asked for', (session) => ['m.login.dummy', session]],
    ['a stage that nobody knows', (session) => ['__proto__', session]],
  ])('tells who comes with %s what to do', async (_what, place) => {
    const { session } = await aliceDeletes();
    const answers = [
      await server.request('GET', page(...place(session))),
      await submit(...place(session), ALICES_PASSWORD),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(404);
      expectSafe(answer);
      expect(answer.text).toContain('Go back to your app');
    }
  });

  test('needs a session, and no body without end', async () => {
    const { session } = await aliceDeletes();
    const without = await server.request('GET', `${V3}/auth/m.login.password/fallback/web`);
    expect(without).toMatchObject({ status: 400, body: { errcode: 'M_MISSING_PARAM' } });
    const large = await submit('m.login.password', session, `password=${'x'.repeat(20_000)}`);
    expect(large).toMatchObject({ status: 413, body: { errcode: 'M_TOO_LARGE' } });
    const password = `password=${'%F0%9F%A6%A0'.repeat(1_024)}`;
    expect(await submit('m.login.password', session, password)).toMatchObject({ status: 403 });
  });
});

test('guesses on the page count like those of the client', async () => {
  const world = createManualWorld();
  const limits = { enabled: true, login_to_account: { burst: 1, per_second: 0.01 } };
  server = await createTestServer({ world, config: { rate_limits: limits } });
  const { accessToken: token } = await server.createUser('alice');
  const session = await sessionOf('DELETE', `${V3}/devices/OTHER`, { token, body: {} });
  expect((await submit('m.login.password', session, 'password=wrong')).status).toBe(403);
  const refused = await submit('m.login.password', session, ALICES_PASSWORD);
  expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '100' } });
  expect(refused.text).toContain('Try again in 100 s.');
  await world.advance(100_000);
  expect((await submit('m.login.password', session, ALICES_PASSWORD)).status).toBe(200);
});

test('an account is made with a registration token that was typed on the page', async () => {
  server = await createTestServer({ config: { registration: { mode: 'token' } } });
  const token = await server.server.services.accounts.registrationTokens.renewFirst();
  const body = { username: 'alice', password: 'wonderland' };
  const session = await sessionOf('POST', `${V3}/register`, { body });
  const asked = await server.request('GET', page('m.login.registration_token', session));
  expect(asked.text).toContain('An app wants to make an account.');
  const wrong = await submit('m.login.registration_token', session, 'token=guessed');
  expect(wrong.status).toBe(401);
  expect(wrong.text).toContain('This registration token is not valid here, or used up.');
  expect((await submit('m.login.registration_token', session, `token=+${token}+`)).status).toBe(200);
  const made = await server.ok('POST', `${V3}/register`, { body: { auth: { session } } });
  expect(made.user_id).toBe('@alice:localhost');
});

test('an account is made where nothing is asked for but a click', async () => {
  server = await createTestServer({ config: { registration: { mode: 'open' } } });
  const body = { username: 'alice', password: 'wonderland' };
  const session = await sessionOf('POST', `${V3}/register`, { body });
  const auth = { session };
  const asked = await server.request('GET', page('m.login.dummy', session));
  expect(asked.text).not.toContain('<input');
  expect((await server.request('POST', `${V3}/register`, { body: { auth } })).status).toBe(401);
  expect((await submit('m.login.dummy', session, '')).status).toBe(200);
  expect((await server.ok('POST', `${V3}/register`, { body: { auth } })).user_id).toBe('@alice:localhost');
});

test.each(['/_matrix/static/client/login/?device_id=PHONE', '/_matrix/static/client/login'])(
  '%s is a page that logs in',
  async (path) => {
    server = await createTestServer();
    const answer = await server.request('GET', path);
    expect(answer.status).toBe(200);
    expectSafe(answer);
    expect(answer.headers['content-security-policy']).toContain("connect-src 'self'; form-action 'none'");
    expect(answer.text).toContain('window.matrixLogin.onLogin(response)');
    expect(answer.text).not.toContain('PHONE');
  },
);
