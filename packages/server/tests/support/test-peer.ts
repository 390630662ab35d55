import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import type { JsonObject } from '@limpet/protocol/json';
import { signedTextOfRequest } from '@limpet/protocol/signed-request';
import { SEED_BYTES, type SigningKey, signingKeyFromSeed, signJson, signText } from '@limpet/protocol/signing';
import { formatXMatrix } from '@limpet/protocol/x-matrix';
import { OutboundFailure, type OutboundHttp } from '../../src/platform/outbound-http.ts';
import { seededRandom } from './seeded-random.ts';
import type { Method } from './test-server.ts';

/**
 * Another server that is nothing but a name and a key: it signs whatever a test wants to ask, also what no server of
 * ours would ask.
 *
 *     const peer = createTestPeer('remote.test');
 *     const server = await createTestServer({ outboundHttp: peer.outboundHttp });
 *     const request = { method: 'PUT', path: '/_matrix/federation/v1/send/1', body: '{…}' } as const;
 *     await server.request('PUT', request.path, { body: request.body, headers: peer.sign(request) });
 */
export interface TestPeer {
  readonly serverName: string;
  readonly signingKey: SigningKey;
  /** Finds this peer's keys, and nobody else. */
  readonly outboundHttp: OutboundHttp;
  /** The headers of a request that it signed. */
  sign(request: PeerRequest): Record<string, string>;
  /** What it says of its keys; a test may change it before it is asked. */
  keys: JsonObject;
  /** How often it was asked for its keys. */
  readonly asked: number;
}

export interface PeerRequest {
  readonly method: Method;
  /** With its query. */
  readonly path: string;
  readonly body?: string | undefined;
  /** The text to sign in the place of the canonical form of the body. */
  readonly content?: string;
  /** `localhost` when left out, as of a test server. */
  readonly destination?: string;
}

export function createTestPeer(serverName: string, options: { seed?: number; validUntilTs?: number } = {}): TestPeer {
  const { seed = 77, validUntilTs = 4_000_000_000_000 } = options;
  const signingKey = signingKeyFromSeed('ed25519:peer', seededRandom(seed).bytes(SEED_BYTES));
  const unsigned: JsonObject = {
    server_name: serverName,
    verify_keys: { [signingKey.keyId]: { key: signingKey.publicKeyBase64 } },
    old_verify_keys: {},
    valid_until_ts: validUntilTs,
  };
  let asked = 0;
  const peer: TestPeer = {
    serverName,
    signingKey,
    keys: signJson(unsigned, serverName, signingKey),
    get asked() {
      return asked;
    },
    outboundHttp: {
      async send({ url }) {
        const { hostname, pathname } = new URL(url);
        if (hostname !== serverName || pathname !== '/_matrix/key/v2/server') {
          throw new OutboundFailure('unreachable', `Nobody is at ${url}`);
        }
        asked++;
        return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(peer.keys)) };
      },
    },
    sign({ method, path, body, content = canonical(body), destination = 'localhost' }) {
      // As the request line will have it.
      const { pathname, search } = new URL(path, 'http://localhost');
      const text = signedTextOfRequest({
        method,
        uri: `${pathname}${search}`,
        origin: serverName,
        destination,
        content,
      });
      const signature = signText(text, signingKey);
      return { authorization: formatXMatrix({ origin: serverName, destination, key: signingKey.keyId, signature }) };
    },
  };
  return peer;
}

/** What is no JSON has no canonical form: whoever gets it refuses it before it looks at the signature. */
function canonical(body: string | undefined): string | undefined {
  try {
    return body === undefined || body === '' ? undefined : encodeCanonicalJson(JSON.parse(body));
  } catch {
    return '{}';
  }
}
