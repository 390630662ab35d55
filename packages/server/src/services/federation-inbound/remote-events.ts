import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import type { Log } from '../../platform/log.ts';
import type { Turns } from '../accounts/turns.ts';
import { type RemoteRequest, RemoteServerError, type RemoteServers } from '../remote-servers/remote-servers.ts';

const REQUEST_TIMEOUT_MS = 20_000;
/** A state by its IDs: some 400,000 of them. */
const MAX_STATE_IDS_BYTES = 20 * 1024 * 1024;
/**
 * A state with all its events, or an auth chain; what is larger is not taken. A server is asked for one of these at a
 * time, since this is what a hostile one could make us keep in memory.
 */
const MAX_STATE_BYTES = 64 * 1024 * 1024;

/** Which events lie between what is here and what is known to exist. */
export interface GapToFill {
  readonly roomId: string;
  /** Where the graph ends here. */
  readonly earliest: readonly string[];
  /** Events whose `prev_events` are missing. */
  readonly latest: readonly string[];
  readonly limit: number;
}

/** State before an event. */
export interface RemoteStateIds {
  readonly state: readonly string[];
  readonly authChain: readonly string[];
}

/**
 * Asks other servers for events. `undefined`, or nothing of a list: the server does not have it, does not say it, or
 * says something else. Nothing of what comes is checked beyond its outer shape.
 * Specification: server-server API, "Backfilling and retrieving missing events", "Retrieving events".
 */
export class RemoteEvents {
  readonly #remoteServers: RemoteServers;
  readonly #log: Log;
  readonly #signal: AbortSignal;
  readonly #turns: Turns;

  constructor(remoteServers: RemoteServers, { log, signal, turns }: { log: Log; signal: AbortSignal; turns: Turns }) {
    this.#remoteServers = remoteServers;
    this.#log = log;
    this.#signal = signal;
    this.#turns = turns;
  }

  /** `undefined` when the server did not answer. */
  async missing(server: string, { roomId, earliest, latest, limit }: GapToFill): Promise<JsonObject[] | undefined> {
    const body = { earliest_events: [...earliest], latest_events: [...latest], limit };
    const path = `/_matrix/federation/v1/get_missing_events/${encodeURIComponent(roomId)}`;
    const answer = await this.#ask(server, { method: 'POST', path, body });
    return answer === undefined ? undefined : objectsIn(answer.events);
  }

  async event(server: string, eventId: string): Promise<JsonObject | undefined> {
    const path = `/_matrix/federation/v1/event/${encodeURIComponent(eventId)}`;
    return objectsIn((await this.#ask(server, { method: 'GET', path }))?.pdus)[0];
  }

  async authChain(server: string, roomId: string, eventId: string): Promise<JsonObject[]> {
    const path = `/_matrix/federation/v1/event_auth/${encodeURIComponent(roomId)}/${encodeURIComponent(eventId)}`;
    return objectsIn((await this.#askMuch(server, { method: 'GET', path }))?.auth_chain);
  }

  async stateIds(server: string, roomId: string, eventId: string): Promise<RemoteStateIds | undefined> {
    const path = `/_matrix/federation/v1/state_ids/${encodeURIComponent(roomId)}`;
    const query = { event_id: eventId };
    const answer = await this.#ask(server, { method: 'GET', path, query, maxBytes: MAX_STATE_IDS_BYTES });
    if (answer === undefined) return undefined;
    return { state: textsIn(answer.pdu_ids), authChain: textsIn(answer.auth_chain_ids) };
  }

  /** The state and its auth chain, in one list. */
  async stateEvents(server: string, roomId: string, eventId: string): Promise<JsonObject[]> {
    const path = `/_matrix/federation/v1/state/${encodeURIComponent(roomId)}`;
    const query = { event_id: eventId };
    const answer = await this.#askMuch(server, { method: 'GET', path, query });
    return [...objectsIn(answer?.auth_chain), ...objectsIn(answer?.pdus)];
  }

  #askMuch(server: string, request: RemoteRequest): Promise<JsonObject | undefined> {
    return this.#turns.run(server, () => this.#ask(server, { ...request, maxBytes: MAX_STATE_BYTES }));
  }

  async #ask(server: string, request: RemoteRequest): Promise<JsonObject | undefined> {
    if (this.#signal.aborted) return undefined;
    try {
      const signed = { ...request, timeoutMs: REQUEST_TIMEOUT_MS, signal: this.#signal };
      const answer = await this.#remoteServers.request(server, signed);
      return isJsonObject(answer) ? answer : undefined;
    } catch (error) {
      if (!(error instanceof RemoteServerError)) throw error;
      this.#log.debug('Another server did not give events', { server, kind: error.kind, status: error.status });
      return undefined;
    }
  }
}

function objectsIn(list: JsonValue | undefined): JsonObject[] {
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}

function textsIn(list: JsonValue | undefined): string[] {
  return Array.isArray(list)
    ? list.flatMap((entry) => (typeof entry === 'string' && entry.isWellFormed() ? [entry] : []))
    : [];
}
