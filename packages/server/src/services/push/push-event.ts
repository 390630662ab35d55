import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import type { Pdu } from '@limpet/protocol/pdu';

/**
 * Characters of a text that patterns look at; a keyword further on is not found. Keeps the work for one event small.
 */
const MAX_MATCHED_CHARACTERS = 16_384;

/** An event in the client format as push rules look at it; what several rules ask for is made once. */
export class PushEvent {
  readonly #event: JsonObject;
  /** The event's own ID, and its room's: properties that not every room version has in the event. */
  readonly #ids: JsonObject;
  readonly #lowered = new Map<string, string | undefined>();

  constructor(event: JsonObject, ids: JsonObject = {}) {
    this.#event = event;
    this.#ids = ids;
  }

  get sender(): string {
    return typeof this.#event.sender === 'string' ? this.#event.sender : '';
  }

  /** Whether it says whom it mentions (`m.mentions`), so that its text need not be searched for names. */
  get hasMentions(): boolean {
    return this.value(MENTIONS) !== undefined;
  }

  /** The property at the end of the path (its own alone: nothing inherited); `undefined` when it is not there. */
  value(path: readonly string[]): JsonValue | undefined {
    const [first = ''] = path;
    if (FEDERATION_KEYS.has(first)) return undefined;
    let value: JsonValue | undefined = Object.hasOwn(this.#ids, first) ? this.#ids : this.#event;
    for (const key of path) {
      if (!isJsonObject(value) || !Object.hasOwn(value, key)) return undefined;
      value = value[key];
    }
    return value;
  }

  /** A text in lower case, ready for patterns; `undefined` when it is not there or is no text. `key` names the path. */
  loweredText(key: string, path: readonly string[]): string | undefined {
    if (this.#lowered.has(key)) return this.#lowered.get(key);
    const value = this.value(path);
    const text = typeof value === 'string' ? value.slice(0, MAX_MATCHED_CHARACTERS).toLowerCase() : undefined;
    this.#lowered.set(key, text);
    return text;
  }

  /** `content.body` in lower case. */
  get loweredBody(): string | undefined {
    return this.loweredText(BODY_KEY, BODY);
  }
}

export const BODY_KEY = 'content.body';

const BODY = ['content', 'body'];
const MENTIONS = ['content', 'm.mentions'];

/** What servers tell each other of an event, and clients never see. */
const FEDERATION_KEYS: ReadonlySet<string> = new Set([
  'auth_events',
  'prev_events',
  'depth',
  'hashes',
  'signatures',
  'unsigned',
]);

export function pushEventOf(pdu: Pdu): PushEvent {
  return new PushEvent(pdu.json, { event_id: pdu.eventId, room_id: pdu.roomId });
}

/**
 * The keys of a path: dots part them, and within a key `\.` is a dot and `\\` a backslash.
 * Specification: appendices, "Dot-separated property paths".
 */
export function parsePropertyPath(text: string): string[] {
  const keys: string[] = [];
  let key = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    const next = text[at + 1];
    if (character === '\\' && (next === '.' || next === '\\')) {
      key += next;
      at++;
    } else if (character === '.') {
      keys.push(key);
      key = '';
    } else {
      key += character;
    }
  }
  return [...keys, key];
}
