import type { Endpoint } from '@limpet/protocol/endpoint';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestPeer } from '../support/test-peer.ts';
import { createHostileWorld, type HostileWorld, type Outcome, tryRequest } from './hostile-world.ts';
import { goodValue, mixedText, oddValues } from './schema-values.ts';

/** Every route that is mounted, whatever it is: what is added later is tried too. */

let world: HostileWorld;

beforeEach(async () => {
  world = await createHostileWorld();
});

afterEach(async () => {
  await world.server.stop();
});

function endpoints(): readonly Endpoint[] {
  return world.server.server.endpoints;
}

const ODD_PATH_PARTS = [
  'x',
  '%2F',
  'a%2F..%2Fb',
  '%00',
  '%ED%A0%80',
  '%',
  '%zz',
  '%ff',
  '..%2f..',
  '__proto__',
  '%20',
  '%0A',
  '@:localhost',
  '@alice',
  '@alice:',
  '@alice:local%20host',
  '!:localhost',
  '!x:localhost%2F',
  `!${'x'.repeat(300)}:localhost`,
  `@${'x'.repeat(300)}:localhost`,
  `%24${'x'.repeat(300)}`,
  `%23${'x'.repeat(300)}:localhost`,
  'x'.repeat(20_000),
  mixedText(4_000),
  '%F0%9F%A6%A0'.repeat(100),
  '%24',
  '%23',
  '!',
  '%E2%80%AE',
];

const ODD_BODIES: readonly [string, string][] = [
  ['nothing', ''],
  ['no JSON', '{'],
  ['a list', '[]'],
  ['text', '"text"'],
  ['null', 'null'],
  ['a number', '1e400'],
  ['10,000 lists', `{"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
  ['10,000 objects', `${'{"x":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
  ['2 MB', JSON.stringify({ x: 'x'.repeat(2_000_000) })],
  ['__proto__', '{"__proto__":{"type":"text","user_id":1,"isAdmin":true},"constructor":{"prototype":{"x":1}}}'],
  ['half a surrogate pair', '{"x":"\\ud800","\\udc00":1}'],
  ['NUL', '{"x":"\\u0000","\\u0000":1}'],
  ['1e400', '{"x":1e400}'],
  ['a key twice', '{"typing":true,"typing":"x"}'],
  ['100,000 keys', `{${Array.from({ length: 100_000 }, (_, number) => `"${number}":1`).join()}}`],
  ['a byte order mark', '\ufeff{}'],
];

const ODD_QUERIES = [
  'limit=-1',
  'limit=NaN',
  'limit=1e9',
  'limit=99999999999999999999',
  'limit=1&limit=x',
  'limit=',
  'timeout=-1',
  'timeout=1.5',
  'from=x&to=y&at=z&since=w&dir=b',
  'from=x&from=y&dir=b',
  'dir=up',
  'filter={',
  'filter=[]',
  'filter=%7B%22room%22:1%7D',
  'filter=%7B%22limit%22:-1%7D&dir=b',
  'filter=%ff&dir=b',
  'filter=%00&dir=b',
  `dir=b&filter=${encodeURIComponent('{"types":["\\ud800"],"senders":["\\ud800"],"rooms":["\\ud800"]}')}`,
  `dir=b&filter=${encodeURIComponent('{"types":["\\u0000"],"senders":["\\u0000"],"rooms":["\\u0000"]}')}`,
  `filter=${encodeURIComponent('{"room":{"rooms":["\\ud800"],"timeline":{"types":["\\ud800"]}}}')}`,
  `filter=${encodeURIComponent(`{"room":${'['.repeat(5_000)}${']'.repeat(5_000)}}`)}&dir=b`,
  'since=s1_x_1-1',
  '__proto__=1&constructor=2',
  '%=1',
  'a=%',
  '&&&==&',
  Array(1_002).fill('x=1').join('&'),
  'access_token=a&access_token=b',
  'membership=x&not_membership=x',
  'kind=x',
  'username=%00',
  'username=%ED%A0%80',
  'token=%00',
];

/**
 * Tries it as who may ask it: Alice, whom what it did is mended for, or another server. The faults of the answer.
 */
async function tryAsUsual(endpoint: Endpoint, path: string, body?: string): Promise<Outcome> {
  const { authentication, method } = endpoint;
  const token = authentication === 'none' || isOfServers(endpoint) ? undefined : world.token();
  const payload = body === undefined && endpoint.body !== undefined ? JSON.stringify(goodBody(endpoint)) : body;
  const headers = isOfServers(endpoint) ? world.peer.sign({ method, path, body: payload }) : {};
  const request = { token, headers, ...(payload === undefined ? {} : { body: payload }) };
  const outcome = await tryRequest(world.server, { method, path, request });
  if (outcome.answer.status === 200 && endpoint.method !== 'GET') await world.repair();
  return outcome;
}

function isOfServers({ authentication }: Endpoint): boolean {
  return authentication === 'server signature';
}

function goodBody(endpoint: Endpoint): unknown {
  return endpoint.body === undefined ? undefined : goodValue(endpoint.body, world.fields);
}

async function faultsOfAll(tries: (endpoint: Endpoint) => Promise<readonly string[]>): Promise<string[]> {
  const faults: string[] = [];
  for (const endpoint of endpoints()) faults.push(...(await tries(endpoint)));
  return faults;
}

test('there are routes, and their paths are filled with what exists', () => {
  expect(endpoints().length).toBeGreaterThan(70);
  const unknown = endpoints().flatMap((endpoint) =>
    [...endpoint.paths[0].matchAll(/\{([A-Za-z]+)\}/g)].filter(([, name = '']) => world.known[name] === undefined),
  );
  expect(unknown).toEqual([]);
});

test('most routes take what is good, so that a refusal is of what is odd', async () => {
  const refused: string[] = [];
  // Another server gets what is in rooms that it is in, and it is in none.
  const asked = endpoints().filter((endpoint) => !isOfServers(endpoint) && !REFUSES_ALL.test(endpoint.paths[0]));
  for (const endpoint of asked) {
    const path = `${world.pathOf(endpoint)}?${GOOD_QUERY}`;
    const { answer, faults } = await tryAsUsual(endpoint, path);
    expect(faults).toEqual([]);
    if (answer.status !== 200) refused.push(`${endpoint.method} ${endpoint.paths[0]}: ${answer.status} ${answer.text}`);
  }
  expect(refused.length, refused.join('\n')).toBeLessThan(asked.length / 3);
});

/**
 * What needs e-mail, text messages, an identity server or provider, or a bridge, of which this server has none, or an
 * administrator, who does not ask here.
 */
const REFUSES_ALL =
  /\/requestToken$|\/account\/3pid(\/add|\/bind)?$|\/login\/sso\/|\/thirdparty\/|\/appservice\/|\/admin\//;

/** The backup of keys is the one that is made on the way. */
const GOOD_QUERY = [
  ...['dir=b', 'username=free', 'token=x', 'version=2', 'ts=1', 'width=32', 'height=32', 'alias=%23room:localhost'],
  ...['user_id=@bob:localhost', 'userid=@bob:localhost'],
].join('&');

describe('authentication', () => {
  test('a token that is missing or forged is refused with its errcode, before body, query and path', async () => {
    const faults = await faultsOfAll(async (endpoint) => {
      if (endpoint.authentication === 'none' || isOfServers(endpoint)) return [];
      const path = `${world.pathOf(endpoint, { roomId: 'x', userId: 'x' })}?limit=x`;
      const found: string[] = [];
      const cases: [string | undefined, string][] = [
        ['forged', 'M_UNKNOWN_TOKEN'],
        [`${world.token()}x`, 'M_UNKNOWN_TOKEN'],
        ['x'.repeat(10_000), 'M_UNKNOWN_TOKEN'],
      ];
      if (endpoint.authentication === 'access token') cases.push([undefined, 'M_MISSING_TOKEN']);
      for (const [token, errcode] of cases) {
        const request = { token, body: '{' };
        const { answer, faults } = await tryRequest(world.server, { method: endpoint.method, path, request });
        found.push(...faults);
        if (answer.status !== 401 || answer.body.errcode !== errcode) found.push(`${path}: ${answer.text}`);
      }
      return found;
    });
    expect(faults).toEqual([]);
  });

  test('a signature of a server that is missing, forged or for somebody else is refused', async () => {
    const faults = await faultsOfAll(async (endpoint) => {
      if (!isOfServers(endpoint)) return [];
      const { method } = endpoint;
      const path = `${world.pathOf(endpoint)}?limit=x`;
      const body = endpoint.body === undefined ? undefined : '{}';
      const forged = createTestPeer(world.peer.serverName, { seed: 78 });
      const found: string[] = [];
      for (const headers of [
        {},
        { authorization: `Bearer ${world.token()}` },
        { authorization: 'X-Matrix origin="remote.test",key="ed25519:peer",sig=""' },
        forged.sign({ method, path, body }),
        world.peer.sign({ method, path: `${path}y`, body }),
        world.peer.sign({ method, path, body: '{"other":1}' }),
        world.peer.sign({ method, path, body, destination: 'other.test' }),
        createTestPeer('unknown.test').sign({ method, path, body }),
      ]) {
        const request = { headers, ...(body === undefined ? {} : { body }) };
        const { answer, faults } = await tryRequest(world.server, { method, path, request });
        found.push(...faults);
        if (answer.status !== 401 || answer.body.errcode !== 'M_UNAUTHORIZED') found.push(`${path}: ${answer.text}`);
      }
      return found;
    });
    expect(faults).toEqual([]);
  });

  test('an unknown method is 405 and an unknown path 404, before authentication', async () => {
    const faults = await faultsOfAll(async (endpoint) => {
      const path = world.pathOf(endpoint);
      const taken = new Set(
        endpoints()
          .filter((other) => takesPath(other, path))
          .map((other) => other.method),
      );
      const found: string[] = [];
      for (const method of (['GET', 'POST', 'PUT', 'DELETE'] as const).filter((one) => !taken.has(one))) {
        const { answer, faults } = await tryRequest(world.server, { method, path, request: { body: '{' } });
        found.push(...faults);
        if (answer.status !== 405 || answer.body.errcode !== 'M_UNRECOGNIZED') {
          found.push(`${method} ${path}: ${answer.status} ${answer.text}`);
        }
      }
      const nowhere = `${path.replace(/\/$/, '')}/no/such/endpoint/here`;
      const { answer, faults } = await tryRequest(world.server, { method: 'POST', path: nowhere, request: {} });
      found.push(...faults);
      if (answer.status !== 404 || answer.body.errcode !== 'M_UNRECOGNIZED') found.push(`${nowhere}: ${answer.text}`);
      return found;
    });
    expect(faults).toEqual([]);
  });
});

describe('nothing is half done, and no answer is 5xx', () => {
  test('odd bodies', { timeout: 120_000 }, async () => {
    const faults = await faultsOfAll(async (endpoint) => {
      const found: string[] = [];
      for (const [what, body] of ODD_BODIES) {
        const { faults } = await tryAsUsual(endpoint, world.pathOf(endpoint), body);
        found.push(...faults.map((fault) => `${what}: ${fault}`));
      }
      return found;
    });
    expect(faults).toEqual([]);
  });

  test('each field with wrong types and odd values', { timeout: 120_000 }, async () => {
    let tried = 0;
    const faults = await faultsOfAll(async (endpoint) => {
      if (endpoint.body === undefined) return [];
      const found: string[] = [];
      for (const odd of oddValues(endpoint.body, world.fields)) {
        tried++;
        const path = world.pathOf(endpoint, { txnId: `t${tried}` });
        const { answer, faults } = await tryAsUsual(endpoint, path, JSON.stringify(odd.value));
        found.push(...faults.map((fault) => `${odd.what}: ${fault}`));
        if (odd.isAgainstSchema && (answer.status !== 400 || !SCHEMA_ERRCODES.has(String(answer.body.errcode)))) {
          found.push(`${endpoint.method} ${path} took a body that ${odd.what}: ${answer.status} ${answer.text}`);
        }
      }
      return found;
    });
    expect(faults).toEqual([]);
    expect(tried).toBeGreaterThan(1_000);
  });

  test('odd parts of paths', async () => {
    const faults = await faultsOfAll(async (endpoint) => {
      const found: string[] = [];
      for (const [, name = ''] of endpoint.paths[0].matchAll(/\{([A-Za-z]+)\}/g)) {
        for (const part of ODD_PATH_PARTS) {
          const { answer, faults } = await tryAsUsual(endpoint, world.pathOf(endpoint, { [name]: part }));
          found.push(...faults);
          // Such a user may be from long ago, and what we know of him is that he has no devices, and is not there.
          const isAskedFor = isOfServers(endpoint) || endpoint.paths[0].includes('/presence/');
          if (isAskedFor && part === '@:localhost') continue;
          if (answer.status === 200 && NEVER_GOOD[name]?.(part) === true) {
            found.push(`${endpoint.method} ${endpoint.paths[0]}: ${name} was taken as ${part}`);
          }
        }
      }
      return found;
    });
    expect(faults).toEqual([]);
  });

  test('odd queries', async () => {
    const faults = await faultsOfAll(async (endpoint) => {
      const found: string[] = [];
      for (const query of ODD_QUERIES) {
        found.push(...(await tryAsUsual(endpoint, `${world.pathOf(endpoint)}?${query}`)).faults);
      }
      return found;
    });
    expect(faults).toEqual([]);
  });

  test('each parameter of a query with wrong types', async () => {
    const faults = await faultsOfAll(async (endpoint) => {
      if (endpoint.query === undefined) return [];
      const found: string[] = [];
      for (const odd of oddValues(endpoint.query, world.known)) {
        if (typeof odd.value !== 'object' || odd.value === null) continue;
        const query = Object.entries(odd.value).map(([name, value]) => [name, textOf(value)].map(encoded).join('='));
        const path = `${world.pathOf(endpoint)}?${query.join('&').replaceAll('%ED%A0%80', '%ED')}`;
        found.push(...(await tryAsUsual(endpoint, path)).faults);
      }
      return found;
    });
    expect(faults).toEqual([]);
  });
});

function takesPath({ paths }: Endpoint, path: string): boolean {
  return paths.some((pattern) => {
    const parts = pattern.split('/');
    const given = path.split('/');
    return parts.length === given.length && parts.every((part, at) => part.startsWith('{') || part === given[at]);
  });
}

const SCHEMA_ERRCODES = new Set(['M_BAD_JSON', 'M_INVALID_PARAM', 'M_MISSING_PARAM', 'M_NOT_JSON']);

/** What these parameters can never be. */
const NEVER_GOOD: Readonly<Record<string, (part: string) => boolean>> = {
  roomId: () => true,
  eventId: () => true,
  userId: (part) => part !== 'x',
  roomAlias: () => true,
};

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function encoded(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : '%ED%A0%80';
}
