import { hash } from 'node:crypto';
import { encodeCanonicalJson } from './canonical-json.ts';
import type { JsonObject } from './json.ts';
import { isJsonObject } from './json.ts';
import { decodeBase64, withoutPadding } from './unpadded-base64.ts';

/**
 * The hash over the whole event, what a redaction takes away included, in unpadded Base64: the value of
 * `hashes.sha256`. Specification: server-server API, "Calculating the content hash for an event".
 */
export function contentHash(json: JsonObject): string {
  const { unsigned: _unsigned, signatures: _signatures, hashes: _hashes, ...hashed } = json;
  return hashOfText(encodeCanonicalJson(hashed));
}

/**
 * Whether `hashes.sha256` is right. Where it is not, the event is taken for a redacted copy, so the receiver goes on
 * with its redacted form. Compared as bytes: padding and alphabet do not matter.
 */
export function hasValidContentHash(json: JsonObject): boolean {
  const claimed = isJsonObject(json.hashes) ? json.hashes.sha256 : undefined;
  const claimedBytes = typeof claimed === 'string' ? decodeBase64(claimed) : undefined;
  return claimedBytes !== undefined && Buffer.from(contentHash(json), 'base64').equals(claimedBytes);
}

/** SHA-256 of the UTF-8 of a text, in unpadded Base64. */
export function hashOfText(text: string): string {
  return withoutPadding(hash('sha256', text, 'base64'));
}
