import type { JsonValue } from '@limpet/protocol/json';
import { isJsonObject } from '@limpet/protocol/json';
import { verifySignedJson } from '@limpet/protocol/signing';
import type { LRUCache } from 'lru-cache';
import { createCache } from '../../cache/create-cache.ts';
import type { Platform } from '../../platform/platform.ts';
import { Lane } from './lane.ts';
import { type KeyResponse, readKeyResponse } from './read-key-response.ts';
import type { RemoteRequests } from './remote-requests.ts';
import { type RemoteRequest, RemoteServerError } from './remote-servers.ts';

const TIMEOUT_MS = 10_000;
const MAX_RESPONSE_BYTES = 65_536;
/** A notary may know more than one answer of a server. */
const MAX_NOTARY_BYTES = 1_048_576;
const MAX_NOTARY_ANSWERS = 32;
/** A server that answered is not asked again before this, whatever keys somebody says it has. */
const PAUSE_AFTER_ANSWER_MS = 10_000;
/** One that did not is asked again after this time, twice that, and so on. */
const MIN_PAUSE_AFTER_FAILURE_MS = 1_000;
const MAX_PAUSE_AFTER_FAILURE_MS = 60_000;
/** Servers of which is known when they were asked. */
const MAX_SERVERS_IN_MEMORY = 10_000;
/**
 * Servers asked at once, and those that wait for their turn; whoever comes then gets no key. Anybody can make us ask
 * for servers that he made up, so those known from before have a lane of their own.
 */
const MAX_AT_ONCE = 200;
const MAX_WAITING = 5_000;

export interface KeyFetcherParts {
  readonly requests: RemoteRequests;
  readonly platform: Platform;
  /** Servers that are asked for the keys of those that cannot be. */
  readonly notaries: readonly string[];
}

/** Asks servers for their keys, and notaries for those of servers that do not answer. */
export class KeyFetcher {
  readonly #parts: KeyFetcherParts;
  readonly #asked: LRUCache<string, { readonly untilMs: number; readonly failures: number }> =
    createCache(MAX_SERVERS_IN_MEMORY);
  readonly #knownLane = new Lane(MAX_AT_ONCE, MAX_WAITING);
  readonly #newLane = new Lane(MAX_AT_ONCE, MAX_WAITING);

  constructor(parts: KeyFetcherParts) {
    this.#parts = parts;
  }

  /**
   * Keys that can be had now; `undefined` where there are none, or the server was asked a moment ago.
   * Specification: server-server API, "Retrieving server keys".
   */
  async fetchKeys(serverName: string, isKnown: boolean): Promise<KeyResponse | undefined> {
    const nowMs = this.#parts.platform.clock.monotonicMs();
    const before = this.#asked.get(serverName);
    const lane = isKnown ? this.#knownLane : this.#newLane;
    if ((before !== undefined && nowMs < before.untilMs) || lane.isFull) {
      return undefined;
    }
    return lane.run(async () => {
      const response = (await this.#fromServer(serverName)) ?? (await this.#fromNotaries(serverName));
      this.#remember(serverName, response === undefined ? (before?.failures ?? 0) + 1 : 0);
      return response;
    });
  }

  /** The server is there: what was remembered of its failures holds no longer. */
  forgetFailures(serverName: string): void {
    this.#asked.delete(serverName);
  }

  #remember(serverName: string, failures: number): void {
    const pauseMs =
      failures === 0
        ? PAUSE_AFTER_ANSWER_MS
        : Math.min(MIN_PAUSE_AFTER_FAILURE_MS * 2 ** (failures - 1), MAX_PAUSE_AFTER_FAILURE_MS);
    this.#asked.set(serverName, { failures, untilMs: this.#parts.platform.clock.monotonicMs() + pauseMs });
  }

  async #fromServer(serverName: string): Promise<KeyResponse | undefined> {
    const request = { method: 'GET', path: KEYS_PATH, maxBytes: MAX_RESPONSE_BYTES } as const;
    const answer = await this.#ask(serverName, request);
    return answer === undefined ? undefined : this.#read(answer, serverName, serverName);
  }

  /** The first that knows an answer which the server itself signed. */
  async #fromNotaries(serverName: string): Promise<KeyResponse | undefined> {
    for (const notary of this.#parts.notaries) {
      const response = notary === serverName ? undefined : await this.#fromNotary(notary, serverName);
      if (response !== undefined) return response;
    }
    return undefined;
  }

  async #fromNotary(notary: string, serverName: string): Promise<KeyResponse | undefined> {
    const body = { server_keys: { [serverName]: {} } };
    const answer = await this.#ask(notary, { method: 'POST', path: QUERY_PATH, body, maxBytes: MAX_NOTARY_BYTES });
    const answers = isJsonObject(answer) && Array.isArray(answer.server_keys) ? answer.server_keys : [];
    const ofServer = answers.filter((one) => isJsonObject(one) && one.server_name === serverName);
    const notaryKeys = ofServer.length === 0 ? undefined : await this.#fromServer(notary);
    const readable = ofServer.slice(0, MAX_NOTARY_ANSWERS).flatMap((one) => {
      if (notaryKeys === undefined || !isJsonObject(one)) return [];
      const isAttested = verifySignedJson(one, notary, notaryKeys.keyObjects).allowed;
      return isAttested ? (this.#read(one, serverName, notary) ?? []) : [];
    });
    return readable.sort((left, right) => right.validUntilTs - left.validUntilTs)[0];
  }

  #read(answer: JsonValue, serverName: string, from: string): KeyResponse | undefined {
    const response = readKeyResponse(answer, serverName);
    if (typeof response !== 'string') {
      return response;
    }
    this.#parts.platform.log.info('Keys of a server cannot be taken', { serverName, from, reason: response });
    return undefined;
  }

  async #ask(serverName: string, request: RemoteRequest): Promise<JsonValue | undefined> {
    try {
      const sent = { ...request, timeoutMs: TIMEOUT_MS, asksAfterFailure: true };
      return await this.#parts.requests.send(serverName, sent, false);
    } catch (error) {
      if (!(error instanceof RemoteServerError)) throw error;
      this.#parts.platform.log.info('A server gave no keys', { serverName, reason: error.message });
      return undefined;
    }
  }
}

const KEYS_PATH = '/_matrix/key/v2/server';
const QUERY_PATH = '/_matrix/key/v2/query';
