import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { UsageFault } from '../faults.ts';
import { HttpConnection } from '../http/http-connection.ts';
import { registerUser } from './register-user.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const ACCOUNT = { user_id: '@a:x', access_token: 'secret' };
const flows = (...stages: string[]) => ({ session: 's', flows: [{ stages: ['m.login.email.identity'] }, { stages }] });

test('goes through the stages that it knows, in one session', async () => {
  const { url, asked } = await serve([
    [401, flows('m.login.registration_token', 'm.login.dummy')],
    [401, { ...flows('m.login.registration_token', 'm.login.dummy'), completed: ['m.login.registration_token'] }],
    [200, ACCOUNT],
  ]);
  expect((await register(url, 'token')).userId).toBe('@a:x');
  expect(asked).toEqual([
    undefined,
    { type: 'm.login.registration_token', session: 's', token: 'token' },
    { type: 'm.login.dummy', session: 's' },
  ]);
});

test.each([
  ['that is closed', 403, { errcode: 'M_FORBIDDEN', error: 'Registration is closed.' }, 'registration: { mode: open }'],
  ['that asks for a token', 401, flows('m.login.registration_token'), '--registration-token'],
])('registration %s says what to configure', async (_, status, answer, advice) => {
  const { url } = await serve([[status, answer]]);
  const registering = register(url);
  await expect(registering).rejects.toBeInstanceOf(UsageFault);
  await expect(registering).rejects.toThrow(advice);
});

test('a limit of the rate says what to configure', async () => {
  const { url } = await serve([[429, { errcode: 'M_LIMIT_EXCEEDED' }]]);
  await expect(register(url)).rejects.toThrow('rate_limits: { enabled: false }');
});

function register(target: URL, registrationToken?: string) {
  return registerUser({ target, connection: new HttpConnection(target), registrationToken }, 'a');
}

/** Answers one after the other; `asked` is what stood in `auth`. */
async function serve(answers: readonly (readonly [number, object])[]) {
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      const [status, answer] = answers[asked.length] ?? [500, {}];
      asked.push(JSON.parse(body).auth);
      const text = JSON.stringify(answer);
      response.writeHead(status, { 'content-length': Buffer.byteLength(text) }).end(text);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), asked };
}
