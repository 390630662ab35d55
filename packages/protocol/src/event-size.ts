import { canonicalJsonSize } from './canonical-json.ts';
import { isLongerThan } from './identifiers.ts';
import type { JsonObject } from './json.ts';
import { ALLOWED, refused, type Verdict } from './verdict.ts';

/** Size limits on events. Specification: client-server API, "Size limits". */

/** Largest event as canonical JSON with hashes and signatures, in bytes; `unsigned` is not counted. */
export const MAX_EVENT_BYTES = 65_536;

/** Longest `sender`, `room_id`, `type`, `state_key` and `event_id`, in bytes of UTF-8. */
const MAX_EVENT_FIELD_BYTES = 255;

/** Whether the event (without `unsigned`) keeps all limits. */
export function checkEventSize(json: JsonObject): Verdict {
  const fields = checkFieldSizes(json);
  return fields.allowed ? checkTotalSize(canonicalJsonSize(json)) : fields;
}

/** The limit on the whole event, for who has its size at hand. */
export function checkTotalSize(sizeBytes: number): Verdict {
  return sizeBytes <= MAX_EVENT_BYTES
    ? ALLOWED
    : refused(`The event has ${sizeBytes} bytes as canonical JSON; at most ${MAX_EVENT_BYTES} are allowed.`);
}

/** The limit on each of the five short fields; a field that is no string is for others to refuse. */
export function checkFieldSizes(json: JsonObject): Verdict {
  for (const key of LIMITED_FIELDS) {
    const value = Object.hasOwn(json, key) ? json[key] : undefined;
    if (typeof value === 'string' && isLongerThan(value, MAX_EVENT_FIELD_BYTES)) {
      return refused(`The event's ${key} is longer than ${MAX_EVENT_FIELD_BYTES} bytes.`);
    }
  }
  return ALLOWED;
}

const LIMITED_FIELDS = ['sender', 'room_id', 'type', 'state_key', 'event_id'] as const;
