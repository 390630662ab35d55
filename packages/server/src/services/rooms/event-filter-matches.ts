import { contentOf, type Pdu } from '@limpet/protocol/pdu';
import { eventTypeMatches } from '../accounts/event-type-matches.ts';
import type { EventFilter } from './event-filter.ts';

/**
 * Whether a filter lets this event through, in time linear in its patterns. What the database is asked for a timeline
 * (`timeline-query.ts`) is a part of this, but for what relates to it. Specification: client-server API, "Filtering".
 */
export function eventFilterMatches(filter: EventFilter, pdu: Pick<Pdu, 'type' | 'sender' | 'content'>): boolean {
  const { types, notTypes, senders, notSenders, containsUrl } = filter;
  if (types !== undefined && !types.some((pattern) => eventTypeMatches(pattern, pdu.type))) return false;
  if (notTypes.some((pattern) => eventTypeMatches(pattern, pdu.type))) return false;
  if (senders !== undefined && !senders.includes(pdu.sender)) return false;
  if (notSenders.includes(pdu.sender)) return false;
  return containsUrl === undefined || containsUrl === hasUrl(pdu);
}

/** What `contains_url` asks: whether `url` in the content is a text. The column `has_url` says the same. */
export function hasUrl(event: Pick<Pdu, 'content'>): boolean {
  return typeof contentOf(event, 'url') === 'string';
}

/** Whether the filter lets everything through. */
export function isOpenFilter(filter: EventFilter): boolean {
  const { types, notTypes, senders, notSenders, containsUrl } = filter;
  if (filter.relatedBySenders !== undefined || filter.relatedByRelTypes !== undefined) return false;
  const isAllowingAny = types === undefined && senders === undefined && containsUrl === undefined;
  return isAllowingAny && notTypes.length === 0 && notSenders.length === 0;
}
