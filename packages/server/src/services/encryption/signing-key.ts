import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { checkCanonicalJson } from '@limpet/protocol/check-canonical-json';
import { isLongerThan } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { verifyKeyFromBase64, verifySignedJson } from '@limpet/protocol/signing';

/** Largest cross-signing key with its signatures: two of them fit into one EDU. Today's have some 400 bytes. */
const MAX_KEY_BYTES = 30_000;

/** The names in requests, and the usages that they stand for. */
export const USAGE_OF_MEMBER = {
  master_key: 'master',
  self_signing_key: 'self_signing',
  user_signing_key: 'user_signing',
} as const;

export type KeyMember = keyof typeof USAGE_OF_MEMBER;
export type KeyUsage = (typeof USAGE_OF_MEMBER)[KeyMember];

/** A user's own cross-signing key. Specification: client-server API, "Cross-signing". */
export interface SigningKey {
  readonly usage: KeyUsage;
  /** Unpadded Base64. */
  readonly publicKey: string;
  /** Canonical JSON, with signatures of the user's own keys and devices alone. */
  readonly json: string;
}

/** What is kept or sent of a key, for its signatures to be checked. */
export type PublicSigningKey = Pick<SigningKey, 'publicKey'>;

/**
 * Reads a key that a user uploads. Throws M_INVALID_PARAM where it is of another user, for another use, or has not
 * exactly one Ed25519 key that is named by itself; M_BAD_JSON for what cannot be signed; M_TOO_LARGE.
 */
export function readUploadedKey(userId: string, member: KeyMember, value: JsonObject): SigningKey {
  const usage = USAGE_OF_MEMBER[member];
  const { unsigned: _unsigned, signatures, ...signed } = value;
  if (signed.user_id !== userId) {
    throw new MatrixError('M_INVALID_PARAM', `"${member}.user_id" must be ${userId}.`);
  }
  if (!Array.isArray(signed.usage) || !signed.usage.includes(usage)) {
    throw new MatrixError('M_INVALID_PARAM', `"${member}.usage" must have "${usage}".`);
  }
  const publicKey = onlyKey(signed.keys);
  if (publicKey === undefined) {
    const text = `"${member}.keys" must have one Ed25519 key, named "ed25519:" and the key in unpadded Base64.`;
    throw new MatrixError('M_INVALID_PARAM', text);
  }
  const own = isJsonObject(signatures) && isJsonObject(signatures[userId]) ? signatures[userId] : undefined;
  const key = own === undefined ? signed : { ...signed, signatures: { [userId]: own } };
  const verdict = checkCanonicalJson(key, { requiresCanonicalJson: true });
  if (!verdict.allowed) throw new MatrixError('M_BAD_JSON', `"${member}": ${verdict.reason}`);
  const json = encodeCanonicalJson(key);
  if (isLongerThan(json, MAX_KEY_BYTES)) {
    throw new MatrixError('M_TOO_LARGE', `"${member}" may have ${MAX_KEY_BYTES} bytes at most.`);
  }
  return { usage, publicKey, json };
}

/** Throws M_INVALID_SIGNATURE unless the master key signed this one. */
export function checkSignedByMaster(userId: string, key: SigningKey, master: PublicSigningKey): void {
  const publicKey = verifyKeyFromBase64(master.publicKey);
  const keys = new Map(publicKey === undefined ? [] : [[keyIdOf(master), publicKey]]);
  const { allowed } = verifySignedJson(JSON.parse(key.json), userId, keys);
  if (allowed) return;
  const text = `The ${key.usage} key must be signed by the master key ${keyIdOf(master)}.`;
  throw new MatrixError('M_INVALID_SIGNATURE', text);
}

/** As it stands in `signatures`. */
export function keyIdOf({ publicKey }: PublicSigningKey): string {
  return `${ED25519}${publicKey}`;
}

const ED25519 = 'ed25519:';

function onlyKey(keys: JsonObject[string] | undefined): string | undefined {
  const [entry, ...others] = Object.entries(isJsonObject(keys) ? keys : {});
  if (entry === undefined || others.length > 0) return undefined;
  const [keyId, publicKey] = entry;
  const isKey = typeof publicKey === 'string' && verifyKeyFromBase64(publicKey) !== undefined;
  return isKey && keyId === keyIdOf({ publicKey }) ? publicKey : undefined;
}
