import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { checkCanonicalJson } from '@limpet/protocol/check-canonical-json';
import { isLongerThan } from '@limpet/protocol/identifiers';
import type { JsonValue } from '@limpet/protocol/json';

/** What another server sent as canonical JSON; `undefined` where it is none, or too long. */
export function canonicalText(value: JsonValue, maxBytes: number): string | undefined {
  if (!checkCanonicalJson(value, { requiresCanonicalJson: true }).allowed) return undefined;
  const text = encodeCanonicalJson(value);
  return isLongerThan(text, maxBytes) ? undefined : text;
}
