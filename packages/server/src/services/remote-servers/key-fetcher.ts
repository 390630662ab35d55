import type { Log } from '../../platform/log.ts';
import { type KeyResponse, readKeyResponse } from './read-key-response.ts';
import type { RemoteRequests } from './remote-requests.ts';
import { RemoteServerError } from './remote-servers.ts';

const TIMEOUT_MS = 10_000;
const MAX_RESPONSE_BYTES = 65_536;

export interface KeyFetcherParts {
  readonly requests: RemoteRequests;
  readonly log: Log;
}

/** Asks servers for their keys. Specification: server-server API, "Retrieving server keys". */
export class KeyFetcher {
  readonly #parts: KeyFetcherParts;

  constructor(parts: KeyFetcherParts) {
    this.#parts = parts;
  }

  /** From the server itself; `undefined` where they cannot be had. */
  async fetch(serverName: string): Promise<KeyResponse | undefined> {
    const { requests, log } = this.#parts;
    const request = { method: 'GET', path: PATH, timeoutMs: TIMEOUT_MS, maxBytes: MAX_RESPONSE_BYTES } as const;
    try {
      const response = readKeyResponse(await requests.send(serverName, request, false), serverName);
      if (typeof response !== 'string') return response;
      log.info('A server gave keys that cannot be taken', { serverName, reason: response });
    } catch (error) {
      if (!(error instanceof RemoteServerError)) throw error;
      log.info('The keys of a server cannot be had', { serverName, reason: error.message });
    }
    return undefined;
  }
}

const PATH = '/_matrix/key/v2/server';
