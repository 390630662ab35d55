import type { KeyObject } from 'node:crypto';
import type { JsonObject } from '@limpet/protocol/json';
import { type SigningKey, signJson, verifyKeyFromBase64 } from '@limpet/protocol/signing';
import type { Clock } from '../../platform/clock.ts';
import type { OldKey } from '../../platform/key-file.ts';
import type { WantedKey } from './remote-servers.ts';

/** How long others may go on without asking again. A key that had to be given up is believed no longer than this. */
const VALIDITY_MS = 24 * 60 * 60 * 1000;
/** The answer is signed anew when less than this is left of it. */
const MIN_VALIDITY_MS = VALIDITY_MS / 2;

/** Old keys that are published, the newest ones. */
const MAX_OLD_KEYS_PUBLISHED = 32;

export interface OwnKeysParts {
  readonly serverName: string;
  readonly signingKey: SigningKey;
  /** The newest first. */
  readonly oldKeys: readonly OldKey[];
  readonly clock: Clock;
}

/** This server's own keys. */
export class OwnKeys {
  readonly #serverName: string;
  readonly #signingKey: SigningKey;
  readonly #clock: Clock;
  readonly #oldKeys: readonly OldKey[];
  #published: { readonly document: JsonObject; readonly validUntilTs: number } | undefined;

  constructor({ serverName, signingKey, oldKeys, clock }: OwnKeysParts) {
    this.#serverName = serverName;
    this.#signingKey = signingKey;
    this.#oldKeys = oldKeys;
    this.#clock = clock;
  }

  /** An old key is good for events from before it was given up. */
  find({ keyId, validAt }: Pick<WantedKey, 'keyId' | 'validAt'>): KeyObject | undefined {
    if (keyId === this.#signingKey.keyId) {
      return this.#signingKey.publicKey;
    }
    const old = this.#oldKeys.find((key) => key.keyId === keyId);
    const holds = old !== undefined && validAt !== 'now' && (validAt === undefined || validAt <= old.expiredTs);
    return holds ? verifyKeyFromBase64(old.publicKeyBase64) : undefined;
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
      old_verify_keys: Object.fromEntries(
        this.#oldKeys
          .slice(0, MAX_OLD_KEYS_PUBLISHED)
          .map((old) => [old.keyId, { key: old.publicKeyBase64, expired_ts: old.expiredTs }]),
      ),
      valid_until_ts: validUntilTs,
    };
    return signJson(unsigned, this.#serverName, this.#signingKey);
  }
}
