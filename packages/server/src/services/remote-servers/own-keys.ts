import type { KeyObject } from 'node:crypto';
import type { JsonObject } from '@limpet/protocol/json';
import { type SigningKey, signJson } from '@limpet/protocol/signing';
import type { Clock } from '../../platform/clock.ts';

/** How long others may go on without asking again. A key that had to be given up is believed no longer than this. */
const VALIDITY_MS = 24 * 60 * 60 * 1000;
/** The answer is signed anew when less than this is left of it. */
const MIN_VALIDITY_MS = VALIDITY_MS / 2;

/** This server's own keys. */
export class OwnKeys {
  readonly #serverName: string;
  readonly #signingKey: SigningKey;
  readonly #clock: Clock;
  #published: { readonly document: JsonObject; readonly validUntilTs: number } | undefined;

  constructor(serverName: string, signingKey: SigningKey, clock: Clock) {
    this.#serverName = serverName;
    this.#signingKey = signingKey;
    this.#clock = clock;
  }

  find(keyId: string): KeyObject | undefined {
    return keyId === this.#signingKey.keyId ? this.#signingKey.publicKey : undefined;
  }

  /** What others get. Specification: server-server API, "GET /_matrix/key/v2/server". */
  document(): JsonObject {
    const nowMs = this.#clock.nowMs();
    const leftMs = (this.#published?.validUntilTs ?? 0) - nowMs;
    if (this.#published === undefined || leftMs < MIN_VALIDITY_MS || leftMs > VALIDITY_MS) {
      this.#published = { document: this.#sign(nowMs + VALIDITY_MS), validUntilTs: nowMs + VALIDITY_MS };
    }
    return this.#published.document;
  }

  #sign(validUntilTs: number): JsonObject {
    const { keyId, publicKeyBase64 } = this.#signingKey;
    const unsigned: JsonObject = {
      server_name: this.#serverName,
      verify_keys: { [keyId]: { key: publicKeyBase64 } },
      old_verify_keys: {},
      valid_until_ts: validUntilTs,
    };
    return signJson(unsigned, this.#serverName, this.#signingKey);
  }
}
