import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { encodeCanonicalJson } from './canonical-json.ts';
import { signedTextOf } from './event-id.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import type { RoomVersion } from './room-version.ts';
import { decodeBase64, encodeUnpaddedBase64 } from './unpadded-base64.ts';
import { ALLOWED, refused, type Verdict } from './verdict.ts';

/** Ed25519 signatures on JSON objects and events. Specification: appendices, "Signing JSON". */

/** A server's own key, made once: importing it costs more than a signature. */
export interface SigningKey {
  /** With its algorithm, e.g. `ed25519:a1`. */
  readonly keyId: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The public key as `/_matrix/key/v2/server` publishes it. */
  readonly publicKeyBase64: string;
}

/** A server's public keys by key ID. */
export type VerifyKeys = ReadonlyMap<string, KeyObject>;

export const SEED_BYTES = 32;

/** The key that this seed makes. Throws on a seed of another length or a key ID that is not `ed25519:something`. */
export function signingKeyFromSeed(keyId: string, seed: Uint8Array): SigningKey {
  if (seed.byteLength !== SEED_BYTES) {
    throw new Error(`An Ed25519 seed has ${SEED_BYTES} bytes, this one has ${seed.byteLength}.`);
  }
  if (!/^ed25519:[A-Za-z0-9_]+$/.test(keyId)) {
    throw new Error(`A signing key ID is "ed25519:" and letters, digits or "_", not ${JSON.stringify(keyId)}.`);
  }
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey);
  const publicKeyDer = publicKey.export({ format: 'der', type: 'spki' });
  return { keyId, privateKey, publicKey, publicKeyBase64: encodeUnpaddedBase64(publicKeyDer.subarray(-KEY_BYTES)) };
}

/** A published key; `undefined` where the text is not the Base64 of 32 bytes. */
export function verifyKeyFromBase64(text: string): KeyObject | undefined {
  const bytes = decodeBase64(text);
  if (bytes?.byteLength !== KEY_BYTES) {
    return undefined;
  }
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes]), format: 'der', type: 'spki' });
}

/** Signature over the UTF-8 of a text, in unpadded Base64. */
export function signText(text: string, key: SigningKey): string {
  return encodeUnpaddedBase64(sign(null, Buffer.from(text, 'utf8'), key.privateKey));
}

/** Whether this is the key's signature over the UTF-8 of a text. */
export function verifyTextSignature(text: string, signature: string, key: KeyObject): boolean {
  const bytes = decodeBase64(signature);
  return bytes?.byteLength === SIGNATURE_BYTES && verify(null, Buffer.from(text, 'utf8'), key, bytes);
}

/** A copy of the object with our signature among its signatures. */
export function signJson(object: JsonObject, serverName: string, key: SigningKey): JsonObject {
  return withSignature(object, serverName, { keyId: key.keyId, signature: signText(signedTextOfJson(object), key) });
}

/** Whether the server signed the object with one of these keys of its own. */
export function verifySignedJson(object: JsonObject, serverName: string, keys: VerifyKeys): Verdict {
  return verifySignatureOf(serverName, { object, text: signedTextOfJson(object), keys });
}

/** A copy of the event with our signature, which covers what redaction would leave of it. `hashes` must be there. */
export function signEvent(json: JsonObject, version: RoomVersion, serverName: string, key: SigningKey): JsonObject {
  const signature = signText(signedTextOf(json, version), key);
  return withSignature(json, serverName, { keyId: key.keyId, signature });
}

/**
 * Whether one of the server's signatures on the object is right for this text. Signatures of other algorithms and by
 * keys that are not given are passed over.
 */
export function verifySignatureOf(
  serverName: string,
  signed: { object: JsonObject; text: string; keys: VerifyKeys },
): Verdict {
  const signatures = signaturesOf(signed.object, serverName);
  if (signatures.length === 0) {
    return refused(`There is no Ed25519 signature of ${serverName}.`);
  }
  const bytes = Buffer.from(signed.text, 'utf8');
  let knowsKey = false;
  for (const { keyId, signature } of signatures) {
    const key = signed.keys.get(keyId);
    knowsKey ||= key !== undefined;
    const signatureBytes = key === undefined ? undefined : decodeBase64(signature);
    if (
      key !== undefined &&
      signatureBytes?.byteLength === SIGNATURE_BYTES &&
      verify(null, bytes, key, signatureBytes)
    ) {
      return ALLOWED;
    }
  }
  return knowsKey
    ? refused(`The signature of ${serverName} is wrong.`)
    : refused(`No key of ${serverName} is known that it signed with.`);
}

/** The Ed25519 signatures of this server, at most MAX_SIGNATURES_OF_SERVER: each costs a check. */
export function signaturesOf(object: JsonObject, serverName: string): { keyId: string; signature: string }[] {
  const all = isJsonObject(object.signatures) ? object.signatures : {};
  const ofServer = Object.hasOwn(all, serverName) ? all[serverName] : undefined;
  const found: { keyId: string; signature: string }[] = [];
  for (const [keyId, signature] of Object.entries(isJsonObject(ofServer) ? ofServer : {})) {
    if (keyId.startsWith('ed25519:') && typeof signature === 'string' && found.length < MAX_SIGNATURES_OF_SERVER) {
      found.push({ keyId, signature });
    }
  }
  return found;
}

/** Most signatures of one server on one object that are looked at. */
export const MAX_SIGNATURES_OF_SERVER = 10;

function signedTextOfJson(object: JsonObject): string {
  const { signatures: _signatures, unsigned: _unsigned, ...signed } = object;
  return encodeCanonicalJson(signed);
}

function withSignature(
  object: JsonObject,
  serverName: string,
  { keyId, signature }: { keyId: string; signature: string },
): JsonObject {
  const signatures = isJsonObject(object.signatures) ? object.signatures : {};
  const ofServer = Object.hasOwn(signatures, serverName) ? signatures[serverName] : undefined;
  const merged = { ...(isJsonObject(ofServer) ? ofServer : {}), [keyId]: signature };
  return { ...object, signatures: { ...signatures, [serverName]: merged } };
}

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** DER wrapping of a raw Ed25519 seed and of a raw public key (RFC 8410), which is how `node:crypto` takes them. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
