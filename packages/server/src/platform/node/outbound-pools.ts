import { isIP, type LookupFunction } from 'node:net';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { buildConnector, Pool } from 'undici';
import type { Dns } from '../dns.ts';
import { OutboundFailure, type OutboundReach } from '../outbound-http.ts';
import { isPrivateAddress } from './private-addresses.ts';

/** Servers to which connections are kept; the one longest unused is left first. */
const MAX_POOLS = 500;
/** Connections to one server at once. */
const MAX_CONNECTIONS_PER_POOL = 8;
/** Requests to one server that may wait for a connection. */
const MAX_WAITING_PER_POOL = 1_000;
/** Each address of a server is given this long. */
const CONNECT_TIMEOUT_MS = 10_000;
/** How long a connection that nobody uses stays open, and what the other side may wish for at most. */
const KEEP_ALIVE_MS = 60_000;
const MAX_KEEP_ALIVE_MS = 300_000;
const MAX_HEADER_BYTES = 32_768;

export interface OutboundPoolsOptions {
  /** PEM texts of authorities, besides the system's. */
  readonly certificateAuthorities: readonly string[];
  readonly allowPrivateAddresses: boolean;
  /** URLs that the operator wrote down: whatever addresses they have, they are allowed. */
  readonly fixedUrls: readonly string[];
  readonly dns: Dns;
}

export interface OutboundPools {
  /** Connections to the URL's host and port. @throws OutboundFailure when too much waits for them */
  poolFor(url: URL, wish: ConnectionWish): Pool;
}

interface ConnectionWish {
  /** The name that is asked for. */
  readonly host: string;
  readonly reach: OutboundReach | undefined;
}

/**
 * Pools by where they connect and the name they ask for: two servers behind one address must not share connections.
 * Nor do requests that may go to different places: one that may not go somewhere must find no open connection there.
 */
export function createOutboundPools(options: OutboundPoolsOptions): OutboundPools {
  const connectors = createConnectors(options);
  /** In the order of their last use. */
  const pools = new Map<string, Pool>();

  function create(origin: string, connect: buildConnector.connector): Pool {
    return new Pool(origin, {
      connect,
      connections: MAX_CONNECTIONS_PER_POOL,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: MAX_KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // The time that a request has is counted as a whole, by who sends it.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  function leaveOldest(): void {
    for (const [key, pool] of pools) {
      if (pools.size <= MAX_POOLS) return;
      pools.delete(key);
      // What is under way there ends first. Nobody can be told of a failure, and nothing is lost by it.
      pool.close().catch(() => undefined);
    }
  }

  return {
    poolFor(url, { host, reach }) {
      const key = `${url.origin} ${host} ${reach}`;
      const pool = pools.get(key) ?? create(url.origin, connectors[reach ?? 'configured']);
      if (pool.stats.queued >= MAX_WAITING_PER_POOL) {
        throw new OutboundFailure('unreachable', `Too many requests to ${url.host} wait already`);
      }
      pools.delete(key);
      pools.set(key, pool);
      leaveOldest();
      return pool;
    },
  };
}

/**
 * Connects to addresses that are allowed, and to no others: names are looked up here, so that what was checked is what
 * is connected to.
 */
function createConnectors(options: OutboundPoolsOptions) {
  const fixed = new Set(options.fixedUrls.map(placeOf));
  const shared = { timeout: CONNECT_TIMEOUT_MS, allowH2: false, secureContext: secureContextOf(options) };
  const anywhere = buildConnector({ ...shared, lookup: lookupOver(options.dns, () => true) });
  const toPublicNames = buildConnector({ ...shared, lookup: lookupOver(options.dns, (one) => !isPrivateAddress(one)) });
  const inPublic: buildConnector.connector = (target, callback) => {
    const { hostname } = target;
    if (isIP(hostname) !== 0 && isPrivateAddress(hostname)) callback(forbidden(hostname), null);
    else toPublicNames(target, callback);
  };
  const configured: buildConnector.connector = (target, callback) => {
    const port = target.port || DEFAULT_PORTS[target.protocol];
    const isAllowed = options.allowPrivateAddresses || fixed.has(`${target.hostname} ${port}`);
    (isAllowed ? anywhere : inPublic)(target, callback);
  };
  return { anywhere, public: inPublic, configured };
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'https:': '443', 'http:': '80' };

function placeOf(text: string): string {
  const { protocol, hostname, port } = new URL(text);
  return `${hostname.replace(/^\[(.*)\]$/, '$1')} ${port || DEFAULT_PORTS[protocol]}`;
}

/** Made once: reading some hundred certificates for each connection would cost more than the rest of it. */
function secureContextOf({ certificateAuthorities }: OutboundPoolsOptions): SecureContext {
  const known = new Set([...getCACertificates('default'), ...getCACertificates('system'), ...certificateAuthorities]);
  return createSecureContext({ ca: [...known], minVersion: 'TLSv1.2' });
}

function lookupOver(dns: Dns, isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, { all }, callback) => {
    dns.addresses(hostname).then(
      (found) => {
        const [first, ...rest] = found.filter(isAllowed).map((address) => ({ address, family: isIP(address) }));
        if (first === undefined) {
          callback(found.length > 0 ? forbidden(hostname) : notFound(hostname), '', 0);
        } else if (all === true) {
          callback(null, [first, ...rest]);
        } else {
          callback(null, first.address, first.family);
        }
      },
      (error: Error) => callback(error, '', 0),
    );
  };
}

/** The name leads to private addresses alone, or is one. */
function forbidden(hostname: string): OutboundFailure {
  const why = 'has a private address; see "allow_private_addresses" in the configuration';
  return new OutboundFailure('forbidden-address', `${hostname} ${why}`);
}

function notFound(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`there is no address for the name ${hostname}`), { code: 'ENOTFOUND' });
}
