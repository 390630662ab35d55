import { beforeEach, describe, expect, test } from 'vitest';
import { createManualWorld, type ManualWorld } from '../../../tests/support/manual-world.ts';
import { noNetwork } from '../../../tests/support/no-network.ts';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { DnsFailure, type ServiceRecord } from '../../platform/dns.ts';
import { OutboundFailure, type OutboundRequest, type OutboundResponse } from '../../platform/outbound-http.ts';
import type { Platform } from '../../platform/platform.ts';
import { createServerRoutes } from './create-server-routes.ts';
import { orderServices } from './order-services.ts';
import type { ServerRoutes } from './server-routes.ts';
import { WellKnownServers } from './well-known-servers.ts';

const HOUR_MS = 3_600_000;

let world: ManualWorld;
/** What is answered at `https://NAME/.well-known/matrix/server`; elsewhere nobody answers. */
let wellKnown: Record<string, Partial<OutboundResponse> & { text?: string }>;
let services: Record<string, readonly ServiceRecord[] | 'failure'>;
let asked: string[];
let requests: OutboundRequest[];

beforeEach(() => {
  world = createManualWorld();
  wellKnown = {};
  services = {};
  asked = [];
  requests = [];
});

function createPlatform(): Platform {
  return {
    ...world,
    random: seededRandom(1),
    log: silentLog,
    outboundHttp: {
      async send(request) {
        const { hostname } = new URL(request.url);
        requests.push(request);
        asked.push(hostname);
        const answer = wellKnown[hostname];
        if (answer === undefined) throw new OutboundFailure('unreachable', 'Nobody is there');
        return { status: 200, headers: {}, body: Buffer.from(answer.text ?? ''), ...answer };
      },
    },
    signing: noNetwork.signing,
    dns: {
      addresses: async () => [],
      async services(name) {
        asked.push(name);
        const found = services[name] ?? [];
        if (found === 'failure') throw new DnsFailure('No answer');
        return found;
      },
    },
  };
}

function createRoutes(fixed: Record<string, string> = {}): ServerRoutes {
  return createServerRoutes(createPlatform(), new Map(Object.entries(fixed)));
}

function delegatesTo(server: unknown, headers: Record<string, string> = {}) {
  return { text: JSON.stringify({ 'm.server': server }), headers };
}

function record(target: string, port = 443, priority = 10, weight = 0): ServiceRecord {
  return { target, port, priority, weight };
}

describe('the steps of discovery', () => {
  test.each([
    ['1.2.3.4', 'https://1.2.3.4:8448'],
    ['1.2.3.4:5', 'https://1.2.3.4:5'],
    ['[1:2::3]', 'https://[1:2::3]:8448'],
    ['[1:2::3]:5', 'https://[1:2::3]:5'],
    ['example.org:5', 'https://example.org:5'],
  ])('1, 2: %s says it all by itself', async (serverName, origin) => {
    expect(await createRoutes().find(serverName)).toEqual([{ origin, host: serverName }]);
    expect(asked).toEqual([]);
  });

  test.each([
    ['3.1', '1.2.3.4', { origin: 'https://1.2.3.4:8448', host: '1.2.3.4' }],
    ['3.1', '[::5]:7', { origin: 'https://[::5]:7', host: '[::5]:7' }],
    ['3.2', 'hs.example.org:7', { origin: 'https://hs.example.org:7', host: 'hs.example.org:7' }],
    ['3.5', 'hs.example.org', { origin: 'https://hs.example.org:8448', host: 'hs.example.org' }],
  ])('%s: the name delegates to %s', async (_step, delegated, route) => {
    wellKnown['example.org'] = delegatesTo(delegated);
    expect(await createRoutes().find('example.org')).toEqual([route]);
    expect(requests[0]).toMatchObject({
      method: 'GET',
      url: 'https://example.org/.well-known/matrix/server',
      maxRedirects: 5,
      maxBytes: 51_200,
    });
  });

  test('3.3: the delegated name has a service, whose target need not have a certificate of its own', async () => {
    wellKnown['example.org'] = delegatesTo('hs.example.org');
    services['_matrix-fed._tcp.hs.example.org'] = [record('box.example.net.', 444)];
    services['_matrix._tcp.hs.example.org'] = [record('old.example.net', 445)];
    expect(await createRoutes().find('example.org')).toEqual([
      { origin: 'https://box.example.net:444', host: 'hs.example.org' },
    ]);
    expect(asked).toEqual(['example.org', '_matrix-fed._tcp.hs.example.org']);
  });

  test('3.4: or one under the deprecated name', async () => {
    wellKnown['example.org'] = delegatesTo('hs.example.org');
    services['_matrix._tcp.hs.example.org'] = [record('old.example.net', 445)];
    expect(await createRoutes().find('example.org')).toEqual([
      { origin: 'https://old.example.net:445', host: 'hs.example.org' },
    ]);
  });

  test('4, 5: without delegation the name itself may have a service', async () => {
    services['_matrix-fed._tcp.example.org'] = [record('new.example.net', 1)];
    services['_matrix._tcp.example.com'] = [record('old.example.net', 2)];
    const routes = createRoutes();
    expect(await routes.find('example.org')).toEqual([{ origin: 'https://new.example.net:1', host: 'example.org' }]);
    expect(await routes.find('example.com')).toEqual([{ origin: 'https://old.example.net:2', host: 'example.com' }]);
  });

  test('6: else it is at the usual port', async () => {
    services['_matrix-fed._tcp.example.org'] = 'failure';
    expect(await createRoutes().find('example.org')).toEqual([
      { origin: 'https://example.org:8448', host: 'example.org' },
    ]);
    expect(asked).toEqual(['example.org', '_matrix-fed._tcp.example.org', '_matrix._tcp.example.org']);
  });

  test('a service that is decidedly not there leaves no way', async () => {
    services['_matrix-fed._tcp.example.org'] = [record('.', 0)];
    expect(await createRoutes().find('example.org')).toEqual([]);
  });

  test('what the operator wrote down goes before all', async () => {
    const routes = createRoutes({ hs2: 'https://127.0.0.1:8449', 'example.org:5': 'http://box' });
    expect(await routes.find('hs2')).toEqual([{ origin: 'https://127.0.0.1:8449', host: '127.0.0.1:8449' }]);
    expect(await routes.find('example.org:5')).toEqual([{ origin: 'http://box', host: 'box' }]);
    expect(asked).toEqual([]);
  });

  test.each<[string, Partial<OutboundResponse> & { text?: string }]>([
    ['is a page', { text: '<html>It works!</html>' }],
    ['is empty', { text: '' }],
    ['is a list', { text: '[]' }],
    ['has no m.server', { text: '{}' }],
    ['has a number', delegatesTo(8448)],
    ['has a URL', delegatesTo('https://hs.example.org')],
    ['has a path', delegatesTo('hs.example.org/x')],
    ['has a user', delegatesTo('user@hs.example.org')],
    ['is a refusal', { status: 404, ...delegatesTo('hs.example.org') }],
    ['is a redirect too many', { status: 302, headers: { location: '/.well-known/matrix/server' } }],
  ])('an answer that %s counts as none', async (_what, answer) => {
    wellKnown['example.org'] = answer;
    expect(await createRoutes().find('example.org')).toEqual([
      { origin: 'https://example.org:8448', host: 'example.org' },
    ]);
  });
});

describe('what is remembered', () => {
  async function timesAsked(servers: WellKnownServers, afterMs: readonly number[]): Promise<number[]> {
    const counts: number[] = [];
    for (const ms of afterMs) {
      world.advance(ms);
      await servers.find('example.org');
      counts.push(asked.filter((name) => name === 'example.org').length);
    }
    return counts;
  }

  test.each<[string, Record<string, string>, number]>([
    ['nothing: a day', {}, 24 * HOUR_MS],
    ['max-age', { 'cache-control': 'public, max-age=7200' }, 2 * HOUR_MS],
    ['max-age, too long: two days', { 'cache-control': 'max-age=99999999' }, 48 * HOUR_MS],
    ['max-age, too short: five minutes', { 'cache-control': 'max-age=1' }, HOUR_MS / 12],
    ['no-store: five minutes', { 'cache-control': 'no-store' }, HOUR_MS / 12],
    ['Expires', { expires: new Date(1_700_000_000_000 + 3 * HOUR_MS).toUTCString() }, 3 * HOUR_MS],
    ['Expires, wrong', { expires: '0' }, HOUR_MS / 12],
  ])('a good answer that says %s', async (_what, headers, ms) => {
    wellKnown['example.org'] = delegatesTo('hs.example.org:7', headers);
    expect(await timesAsked(new WellKnownServers(createPlatform()), [0, ms - 1, 1])).toEqual([1, 1, 2]);
  });

  test('a failure, for longer each time, up to an hour', async () => {
    const servers = new WellKnownServers(createPlatform());
    expect(await timesAsked(servers, [0])).toEqual([1]);
    for (const [index, minutes] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
      expect(await timesAsked(servers, [(minutes * HOUR_MS) / 60 - 1, 1])).toEqual([index + 1, index + 2]);
    }
  });

  test('a delegation, while the name does not answer, up to two days; not when it answers otherwise', async () => {
    wellKnown['example.org'] = delegatesTo('hs.example.org:7');
    const routes = createRoutes();
    const origin = async () => (await routes.find('example.org'))[0]?.origin;
    expect(await origin()).toBe('https://hs.example.org:7');
    delete wellKnown['example.org'];
    world.advance(25 * HOUR_MS);
    expect(await origin()).toBe('https://hs.example.org:7');
    world.advance(24 * HOUR_MS);
    expect(await origin()).toBe('https://example.org:8448');
    wellKnown['example.org'] = delegatesTo('hs.example.org:7');
    world.advance(HOUR_MS);
    expect(await origin()).toBe('https://hs.example.org:7');
    wellKnown['example.org'] = { status: 404 };
    world.advance(25 * HOUR_MS);
    expect(await origin()).toBe('https://example.org:8448');
  });

  test('discovery, for five minutes, half a minute where no way led there; once for all who ask', async () => {
    const routes = createRoutes();
    await Promise.all([routes.find('example.org'), routes.find('example.org')]);
    expect(asked).toHaveLength(3);
    routes.failed('example.org');
    await routes.find('example.org');
    expect(asked).toHaveLength(3);
    world.advance(30_000);
    routes.failed('example.org');
    await routes.find('example.org');
    expect(asked).toHaveLength(5);
    world.advance(299_999);
    await routes.find('example.org');
    expect(asked).toHaveLength(5);
  });
});

describe('the order of services', () => {
  const names = (records: readonly ServiceRecord[], seed = 1) =>
    orderServices(records, seededRandom(seed)).map(({ target }) => target);

  test('is that of their priorities', () => {
    expect(names([record('c', 1, 30), record('a', 1, 10), record('b', 1, 20)])).toEqual(['a', 'b', 'c']);
  });

  test('is by chance among equals, the heavier ones earlier', () => {
    const records = [record('light', 1, 10, 1), record('heavy', 1, 10, 9), record('none', 1, 10, 0)];
    const random = seededRandom(5);
    const firsts = Array.from({ length: 1_000 }, () => orderServices(records, random)[0]?.target);
    const count = (name: string) => firsts.filter((first) => first === name).length;
    expect(count('heavy')).toBeGreaterThan(800);
    expect(count('light')).toBeGreaterThan(50);
    expect(orderServices(records, random)).toHaveLength(3);
  });
});
