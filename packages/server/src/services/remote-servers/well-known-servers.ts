import { asServerName } from '@limpet/protocol/identifiers';
import { isJsonObject } from '@limpet/protocol/json';
import { parseJsonBytes } from '@limpet/protocol/parse-json-bytes';
import type { LRUCache } from 'lru-cache';
import { createCache } from '../../cache/create-cache.ts';
import type { Log } from '../../platform/log.ts';
import { OutboundFailure, type OutboundResponse } from '../../platform/outbound-http.ts';
import type { Platform } from '../../platform/platform.ts';

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 51_200;
const MAX_REDIRECTS = 5;
/** Names whose answers stand in memory. */
const MAX_NAMES_IN_MEMORY = 10_000;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** An answer holds for a day unless it says otherwise, and within these bounds whatever it says. */
const USUAL_VALIDITY_MS = 24 * HOUR_MS;
const MIN_VALIDITY_MS = 5 * MINUTE_MS;
const MAX_VALIDITY_MS = 48 * HOUR_MS;
/** What cannot be had is asked for again after this time, twice that, and so on. */
const MIN_FAILURE_MS = MINUTE_MS;
const MAX_FAILURE_MS = HOUR_MS;

interface KnownAnswer {
  readonly delegated: string | undefined;
  /** When `delegated` was last said, in monotonic time. */
  readonly saidMs: number;
  /** When to ask again. */
  readonly untilMs: number;
  readonly failures: number;
}

/**
 * What names say of where their server is: answers and failures are remembered.
 * Specification: server-server API, "GET /.well-known/matrix/server".
 */
export class WellKnownServers {
  readonly #platform: Pick<Platform, 'outboundHttp' | 'clock'>;
  readonly #log: Log;
  readonly #known: LRUCache<string, KnownAnswer> = createCache(MAX_NAMES_IN_MEMORY);

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#log = platform.log;
  }

  /** The server name to use instead; `undefined` where nothing valid is said. Who asks twice at once is asked twice. */
  async find(host: string): Promise<string | undefined> {
    const known = this.#known.get(host);
    const nowMs = this.#platform.clock.monotonicMs();
    if (known !== undefined && nowMs < known.untilMs) {
      return known.delegated;
    }
    const answer = await this.#ask(host, known);
    this.#known.set(host, answer);
    return answer.delegated;
  }

  async #ask(host: string, known: KnownAnswer | undefined): Promise<KnownAnswer> {
    const { clock } = this.#platform;
    let response: OutboundResponse | undefined;
    try {
      response = await this.#platform.outboundHttp.send({
        method: 'GET',
        url: `https://${host}/.well-known/matrix/server`,
        headers: { 'user-agent': 'Limpet', accept: 'application/json' },
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_BYTES,
        maxRedirects: MAX_REDIRECTS,
      });
    } catch (error) {
      if (!(error instanceof OutboundFailure)) throw error;
      this.#log.debug('A server says nothing of where it is', { host, reason: error.message });
    }
    const nowMs = clock.monotonicMs();
    const delegated = response === undefined ? undefined : delegatedBy(response);
    if (response !== undefined && delegated !== undefined) {
      return { delegated, saidMs: nowMs, untilMs: nowMs + validityMs(response, clock.nowMs()), failures: 0 };
    }
    const failures = (known?.failures ?? 0) + 1;
    const pauseMs = Math.min(MIN_FAILURE_MS * 2 ** (failures - 1), MAX_FAILURE_MS);
    // Who cannot be asked has not moved for that. Who answers otherwise than before has.
    const isKept = response === undefined && known !== undefined && nowMs < known.saidMs + MAX_VALIDITY_MS;
    return {
      delegated: isKept ? known.delegated : undefined,
      saidMs: isKept ? known.saidMs : nowMs,
      untilMs: nowMs + (response?.status === 404 ? MAX_FAILURE_MS : pauseMs),
      failures,
    };
  }
}

function delegatedBy({ status, body }: OutboundResponse): string | undefined {
  const parsed = status === 200 ? parseJsonBytes(body, JSON.parse) : undefined;
  return parsed?.fault === undefined && isJsonObject(parsed?.value)
    ? asServerName(parsed.value['m.server'])
    : undefined;
}

/** How long the answer holds, by its headers. */
function validityMs({ headers }: OutboundResponse, nowMs: number): number {
  return Math.min(Math.max(saidValidityMs(headers, nowMs) ?? USUAL_VALIDITY_MS, MIN_VALIDITY_MS), MAX_VALIDITY_MS);
}

function saidValidityMs(headers: OutboundResponse['headers'], nowMs: number): number | undefined {
  const control = headers['cache-control'] ?? '';
  if (/\bno-(store|cache)\b/i.test(control)) {
    return 0;
  }
  const maxAge = /\bmax-age *= *"?([0-9]{1,10})/i.exec(control)?.[1];
  if (maxAge !== undefined) {
    return Number(maxAge) * 1000;
  }
  const expiresMs = headers.expires === undefined ? Number.NaN : Date.parse(headers.expires);
  return Number.isNaN(expiresMs) ? undefined : expiresMs - nowMs;
}
