import { afterEach, describe, expect, test } from 'vitest';
import type { RemoteServerError } from '../src/services/remote-servers/remote-servers.ts';
import { createManualWorld } from './support/manual-world.ts';
import { createTestFederation, type TestFederation } from './support/test-federation.ts';

let federation: TestFederation | undefined;

afterEach(async () => {
  await federation?.stop();
  federation = undefined;
});

const VERSION = { method: 'GET', path: '/_matrix/federation/v1/version' } as const;

describe('servers of one test', () => {
  test('ask each other, and fail to where a link is cut or a server is away', async () => {
    federation = await createTestFederation(['a.test', 'b.test'], { world: createManualWorld() });
    const [a] = federation.servers();
    const ask = () => a?.server.services.remoteServers.request('b.test', VERSION);
    expect(await ask()).toMatchObject({ server: { name: 'Limpet' } });
    federation.cut('b.test', 'a.test');
    await expect(ask()).rejects.toMatchObject({ kind: 'unreachable', destination: 'b.test' });
    federation.heal('a.test', 'b.test');
    expect(await ask()).toMatchObject({ server: { name: 'Limpet' } });
    await federation.halt('b.test');
    await expect(ask()).rejects.toMatchObject({ kind: 'unreachable' });
    await federation.resume('b.test');
    expect(await ask()).toMatchObject({ server: { name: 'Limpet' } });
    expect(federation.requests('a.test', 'b.test').map(({ status }) => status)).toEqual([
      200,
      undefined,
      200,
      undefined,
      200,
    ]);
  });

  test('publish keys that others verify, find again after a restart, and never find of who is not there', async () => {
    federation = await createTestFederation(['a.test', 'b.test'], { world: createManualWorld() });
    const find = (serverName: string, keyId = 'ed25519:test') =>
      federation?.server('a.test').server.services.remoteServers.keys.find([{ serverName, keyId, validAt: 'now' }]);
    const [key] = (await find('b.test')) ?? [];
    expect(key?.type).toBe('public');
    expect((await find('a.test'))?.[0]).toBeDefined();
    expect(await find('b.test', 'ed25519:other')).toEqual([undefined]);
    expect(await find('c.test')).toEqual([undefined]);
    federation.clearRequests();
    await federation.restart('a.test');
    expect((await find('b.test'))?.[0]?.equals(key as never)).toBe(true);
    expect(federation.requests('a.test')).toEqual([]);
  });

  test('answer with a refusal, or with what is no JSON', async () => {
    federation = await createTestFederation(['a.test', 'b.test'], {
      onRequest: async ({ path }, pass) =>
        path.endsWith('/version') ? { status: 200, headers: {}, body: '<html>It works!</html>' } : pass(),
    });
    const { remoteServers } = federation.server('a.test').server.services;
    const failure = (path: string): Promise<RemoteServerError> =>
      remoteServers.request('b.test', { method: 'GET', path }).then(
        () => Promise.reject(new Error('there was an answer')),
        (error) => error,
      );
    expect(await failure('/_matrix/federation/v1/version')).toMatchObject({ kind: 'bad-answer' });
    expect(await failure('/_matrix/federation/v1/nothing')).toMatchObject({
      kind: 'refused',
      status: 404,
      errcode: 'M_UNRECOGNIZED',
    });
  });
});

test('what a server says of itself', async () => {
  federation = await createTestFederation(['a.test', 'b.test'], {
    serverOptions: { 'a.test': { config: { federation: { well_known_server: 'a.example:443' } } } },
  });
  const [a, b] = federation.servers();
  expect(await a?.ok('GET', '/.well-known/matrix/server')).toEqual({ 'm.server': 'a.example:443' });
  expect((await b?.request('GET', '/.well-known/matrix/server'))?.status).toBe(404);
  const keys = await a?.ok('GET', '/_matrix/key/v2/server');
  expect(keys).toMatchObject({ server_name: 'a.test', old_verify_keys: {} });
  expect(await a?.ok('GET', '/_matrix/key/v2/server/ed25519%3Aold')).toEqual(keys);
});

test('without federation nothing of it is there, and nobody is asked', async () => {
  federation = await createTestFederation(['a.test', 'b.test'], {
    serverOptions: { 'a.test': { config: { federation: { enabled: false } } } },
  });
  const a = federation.server('a.test');
  expect((await a.request('GET', '/_matrix/key/v2/server')).status).toBe(404);
  await expect(a.server.services.remoteServers.request('b.test', VERSION)).rejects.toMatchObject({
    kind: 'unreachable',
  });
  expect(federation.requests('a.test')).toEqual([]);
});
