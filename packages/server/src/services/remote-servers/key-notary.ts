import type { JsonObject } from '@limpet/protocol/json';
import { type SigningKey, signJson } from '@limpet/protocol/signing';
import type { Clock } from '../../platform/clock.ts';
import type { OwnKeys } from './own-keys.ts';
import type { RemoteServerKeys } from './remote-server-keys.ts';

/** Servers that one query may name. */
const MAX_SERVERS_PER_QUERY = 100;

export interface KeyNotaryParts {
  readonly serverName: string;
  readonly signingKey: SigningKey;
  readonly ownKeys: OwnKeys;
  readonly keys: RemoteServerKeys;
  readonly clock: Clock;
}

/**
 * Tells others the keys of third servers, with our signature beside theirs.
 * Specification: server-server API, "Querying Keys Through Another Server".
 */
export class KeyNotary {
  readonly #parts: KeyNotaryParts;

  constructor(parts: KeyNotaryParts) {
    this.#parts = parts;
  }

  /** By server: up to when the keys have to be valid; `undefined` for now. What cannot be had is left out. */
  async query(wanted: ReadonlyMap<string, number | undefined>): Promise<JsonObject[]> {
    const servers = [...wanted].slice(0, MAX_SERVERS_PER_QUERY);
    const answers = servers.map(([serverName, until]) => this.#answer(serverName, until));
    return (await Promise.all(answers)).filter((answer) => answer !== undefined);
  }

  async #answer(wanted: string, minimumValidUntilTs: number | undefined): Promise<JsonObject | undefined> {
    const { serverName, signingKey, ownKeys, keys, clock } = this.#parts;
    if (wanted === serverName) {
      return ownKeys.document();
    }
    const response = await keys.newestResponse(wanted, minimumValidUntilTs ?? clock.nowMs());
    return response === undefined ? undefined : signJson(response, serverName, signingKey);
  }
}
