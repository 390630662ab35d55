import { isJsonObject } from '@limpet/protocol/json';
import { contentOf, type Pdu } from '@limpet/protocol/pdu';

/** What can be searched, as the specification names it. */
export type SearchKey = 'content.body' | 'content.name' | 'content.topic';

/** Where the text of each type of event that is searched stands. */
const KEY_OF_TYPE: ReadonlyMap<string, SearchKey> = new Map([
  ['m.room.message', 'content.body'],
  ['m.room.name', 'content.name'],
  ['m.room.topic', 'content.topic'],
]);

/** Types of events that are searched. */
export const SEARCHED_TYPES: ReadonlySet<string> = new Set(KEY_OF_TYPE.keys());

/** Texts of one `m.topic` block that are looked at. */
const MAX_TOPIC_TEXTS = 10;

/**
 * What of an event is searched, and under which key; `undefined` for nothing.
 * Specification: client-server API, "Search Categories", `room_events`.
 */
export function searchedText(event: Pick<Pdu, 'type' | 'content'>): { key: SearchKey; text: string } | undefined {
  const key = KEY_OF_TYPE.get(event.type);
  if (key === undefined) return undefined;
  const value = contentOf(event, key.slice('content.'.length));
  const texts = typeof value === 'string' ? [value] : [];
  if (key === 'content.topic') texts.push(...plainTopics(event));
  const text = texts.join('\n');
  return text === '' ? undefined : { key, text };
}

/** The `text/plain` representations of a topic; the one without a type is one. */
function plainTopics(event: Pick<Pdu, 'content'>): string[] {
  const block = contentOf(event, 'm.topic');
  const texts = isJsonObject(block) ? block['m.text'] : undefined;
  if (!Array.isArray(texts)) return [];
  return texts.slice(0, MAX_TOPIC_TEXTS).flatMap((one) => {
    if (!isJsonObject(one) || typeof one.body !== 'string') return [];
    return (one.mimetype ?? 'text/plain') === 'text/plain' ? [one.body] : [];
  });
}
