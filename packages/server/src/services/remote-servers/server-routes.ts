import type { LRUCache } from 'lru-cache';
import { createCache } from '../../cache/create-cache.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Random } from '../../platform/random.ts';
import { orderServices } from './order-services.ts';
import type { ServiceRecords } from './service-records.ts';
import { splitServerName } from './split-server-name.ts';
import type { WellKnownServers } from './well-known-servers.ts';

/** Servers whose discovery stands in memory. */
const MAX_SERVERS_IN_MEMORY = 5_000;
/** How long what name servers said is believed: they do not tell us how long they meant it. */
const MAX_AGE_MS = 5 * 60 * 1000;
/** After a failure discovery begins anew, yet not for each of many requests that fail together. */
const MIN_AGE_AFTER_FAILURE_MS = 30_000;
/** Where a server is that does not say otherwise. */
const DEFAULT_PORT = '8448';

/** Where to connect for a server, and under which name. */
export interface ServerRoute {
  /** Scheme, host and port: where to connect. */
  readonly origin: string;
  /** The header `Host`, and the name that the certificate has to be for. */
  readonly host: string;
}

export interface ServerRoutesParts {
  /** URLs of the configuration, by server name. */
  readonly fixed: ReadonlyMap<string, string>;
  readonly wellKnown: WellKnownServers;
  readonly services: ServiceRecords;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Ways to servers: those that the operator wrote down, and for everybody else what discovery finds.
 * Specification: server-server API, "Resolving server names".
 */
export class ServerRoutes {
  readonly #parts: ServerRoutesParts;
  readonly #found: LRUCache<string, { readonly places: ServerPlaces; readonly foundMs: number }> =
    createCache(MAX_SERVERS_IN_MEMORY);
  readonly #finding = new Map<string, Promise<ServerPlaces>>();

  constructor(parts: ServerRoutesParts) {
    this.#parts = parts;
  }

  /** The best first; none where the server says that there is none. */
  async find(serverName: string): Promise<readonly ServerRoute[]> {
    const url = this.#parts.fixed.get(serverName);
    if (url !== undefined) {
      return [fixedRoute(url)];
    }
    const places = this.#inMemory(serverName) ?? (await this.#discoverOnce(serverName));
    return routesOf(places, this.#parts.random);
  }

  /** None of the ways led there: perhaps the server has moved. */
  failed(serverName: string): void {
    const found = this.#found.get(serverName);
    if (found !== undefined && this.#parts.clock.monotonicMs() - found.foundMs >= MIN_AGE_AFTER_FAILURE_MS) {
      this.#found.delete(serverName);
    }
  }

  #inMemory(serverName: string): ServerPlaces | undefined {
    const found = this.#found.get(serverName);
    const isFresh = found !== undefined && this.#parts.clock.monotonicMs() - found.foundMs < MAX_AGE_MS;
    return isFresh ? found.places : undefined;
  }

  #discoverOnce(serverName: string): Promise<ServerPlaces> {
    const running = this.#finding.get(serverName);
    if (running !== undefined) {
      return running;
    }
    const finding = this.#discover(serverName).finally(() => this.#finding.delete(serverName));
    this.#finding.set(serverName, finding);
    return finding;
  }

  async #discover(serverName: string): Promise<ServerPlaces> {
    const places = await this.#places(serverName);
    this.#found.set(serverName, { places, foundMs: this.#parts.clock.monotonicMs() });
    return places;
  }

  /** The steps of the specification, by their numbers. */
  async #places(serverName: string): Promise<ServerPlaces> {
    const name = splitServerName(serverName);
    // 1, 2: an address, or a port, is said by the name itself.
    if (name.isAddress || name.port !== undefined) {
      return onlyPlace(name.host, name.port, serverName);
    }
    // 3: the server says at its name where it is.
    const delegated = await this.#parts.wellKnown.find(name.host);
    if (delegated === undefined) {
      // 4, 5, 6
      return this.#servicePlaces(name.host);
    }
    const other = splitServerName(delegated);
    // 3.1, 3.2, then 3.3 to 3.5
    return other.isAddress || other.port !== undefined
      ? onlyPlace(other.host, other.port, delegated)
      : this.#servicePlaces(other.host);
  }

  /** Where SRV records say, else at the usual port. The certificate is for the name, not for what DNS made of it. */
  async #servicePlaces(host: string): Promise<ServerPlaces> {
    const records = await this.#parts.services.find(host);
    return records.length === 0 ? onlyPlace(host, undefined, host) : { host, services: records };
  }
}

type ServerPlaces =
  | { readonly host: string; readonly origin: string; readonly services?: undefined }
  | { readonly host: string; readonly services: Awaited<ReturnType<ServiceRecords['find']>> };

function onlyPlace(host: string, port: string | undefined, shownHost: string): ServerPlaces {
  return { origin: `https://${host}:${port ?? DEFAULT_PORT}`, host: shownHost };
}

function routesOf(places: ServerPlaces, random: Random): ServerRoute[] {
  if (places.services === undefined) {
    return [{ origin: places.origin, host: places.host }];
  }
  return orderServices(places.services, random)
    .map(({ target, port }) => ({ origin: `https://${target.replace(/\.$/, '')}:${port}`, host: places.host }))
    .filter(({ origin }) => URL.canParse(origin));
}

/** The URL says everything, also which name the certificate is for: the server name need not be known anywhere. */
function fixedRoute(text: string): ServerRoute {
  const { origin, host } = new URL(text);
  return { origin, host };
}
