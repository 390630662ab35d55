import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { verifyKeyFromBase64, verifyTextSignature } from '@limpet/protocol/signing';

/** New signatures on one key that are looked at: each costs a check. */
const MAX_NEW_SIGNATURES = 50;

/** What a signature has to be by: the keys of one user, by their IDs, in unpadded Base64. */
export interface Signer {
  readonly userId: string;
  readonly keys: ReadonlyMap<string, string>;
}

export type NewSignatures =
  | { readonly isRight: true; readonly signatures: ReadonlyMap<string, string> }
  /** M_INVALID_SIGNATURE, and why. */
  | { readonly isRight: false; readonly reason: string };

/**
 * The signatures of these keys that `signed` adds to the key as it is here. Wrong ones spoil all; those by other keys
 * are passed over. Specification: client-server API, "POST /keys/signatures/upload".
 */
export function newSignatures(known: JsonObject, signed: JsonObject, signer: Signer): NewSignatures {
  const text = signedText(known);
  if (signedText(signed) !== text) return wrong('This is not the key that is here. Ask for it, and sign that.');
  const before = signaturesOf(known, signer.userId);
  const signatures = new Map<string, string>();
  let hasOld = false;
  for (const [keyId, signature] of Object.entries(signaturesOf(signed, signer.userId))) {
    const publicKey = signer.keys.get(keyId);
    if (publicKey === undefined) continue;
    if (before[keyId] === signature) {
      hasOld = true;
      continue;
    }
    if (signatures.size >= MAX_NEW_SIGNATURES) return wrong(`It has more than ${MAX_NEW_SIGNATURES} new signatures.`);
    if (typeof signature !== 'string' || !isSignature(text, signature, publicKey)) {
      return wrong(`The signature by ${keyId} is wrong.`);
    }
    signatures.set(keyId, signature);
  }
  return signatures.size > 0 || hasOld
    ? { isRight: true, signatures }
    : wrong(`It has no signature by a key of yours that may sign it: ${[...signer.keys.keys()].join(', ') || 'none'}.`);
}

/**
 * The key with these signatures of its own user added. Of those that it has the ones stay whose keys `isKept` says.
 */
export function withSignatures(
  known: JsonObject,
  added: { readonly userId: string; readonly signatures: ReadonlyMap<string, string> },
  isKept: (keyId: string) => boolean,
): JsonObject {
  const kept = Object.entries(signaturesOf(known, added.userId)).filter(([keyId]) => isKept(keyId));
  const all = isJsonObject(known.signatures) ? known.signatures : {};
  return {
    ...known,
    signatures: { ...all, [added.userId]: Object.fromEntries([...kept, ...added.signatures]) },
  };
}

function signedText({ signatures: _signatures, unsigned: _unsigned, ...key }: JsonObject): string {
  return encodeCanonicalJson(key);
}

function isSignature(text: string, signature: string, publicKey: string): boolean {
  const key = verifyKeyFromBase64(publicKey);
  return key !== undefined && verifyTextSignature(text, signature, key);
}

function signaturesOf({ signatures }: JsonObject, userId: string): Readonly<Record<string, JsonValue>> {
  const ofUser = isJsonObject(signatures) && Object.hasOwn(signatures, userId) ? signatures[userId] : undefined;
  return isJsonObject(ofUser) ? ofUser : {};
}

function wrong(reason: string): NewSignatures {
  return { isRight: false, reason };
}
