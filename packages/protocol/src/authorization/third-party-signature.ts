import { type KeyObject, verify } from 'node:crypto';
import { encodeCanonicalJson } from '../canonical-json.ts';
import { isJsonObject, type JsonObject } from '../json.ts';
import { signaturesOf, verifyKeyFromBase64 } from '../signing.ts';
import { decodeBase64 } from '../unpadded-base64.ts';

/**
 * Pairs of signature and public key that are tried. An honest invite has one signature and two keys; an event filled
 * with both to its last byte would otherwise keep a server busy for half a minute.
 */
const MAX_SIGNATURE_CHECKS = 256;

/**
 * Whether any Ed25519 signature of the object, of whatever server, is by any of these public keys (base64). The names
 * of the keys do not matter: the invite does not give them.
 * Specification: rule "any signature in `signed` matches any public key"; appendices, "Signing JSON".
 */
export function isSignedByAnyKey(signed: JsonObject, publicKeys: readonly string[]): boolean {
  const { signatures: _signatures, unsigned: _unsigned, ...rest } = signed;
  const message = Buffer.from(encodeCanonicalJson(rest), 'utf8');
  const found = allSignaturesOf(signed).slice(0, MAX_SIGNATURE_CHECKS);
  const keys: KeyObject[] = [];
  for (const publicKey of publicKeys.slice(0, Math.floor(MAX_SIGNATURE_CHECKS / Math.max(1, found.length)))) {
    const key = verifyKeyFromBase64(publicKey);
    if (key !== undefined) keys.push(key);
  }
  return found.some((signature) => keys.some((key) => verify(null, message, key, signature)));
}

function allSignaturesOf(signed: JsonObject): Uint8Array[] {
  const signers = isJsonObject(signed.signatures) ? Object.keys(signed.signatures) : [];
  return signers
    .flatMap((signer) => signaturesOf(signed, signer))
    .map(({ signature }) => decodeBase64(signature))
    .filter((signature) => signature !== undefined);
}
