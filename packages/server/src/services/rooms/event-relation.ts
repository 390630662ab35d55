import { asEventId, type EventId } from '@limpet/protocol/identifiers';
import { isJsonObject } from '@limpet/protocol/json';
import { contentOf, type Pdu } from '@limpet/protocol/pdu';

export interface EventRelation {
  /** `m.thread`, `m.annotation`, … */
  readonly type: string;
  /** The event that this one relates to. */
  readonly eventId: EventId;
}

/** The root of the thread that an event is part of. Specification: client-server API, "Threading". */
export function threadRootOf(event: Pick<Pdu, 'content'>): EventId | undefined {
  const relation = relationOf(event);
  return relation?.type === 'm.thread' ? relation.eventId : undefined;
}

/**
 * How an event says that it relates to another one; `undefined` where it does not, or not in a way that makes sense.
 * Specification: client-server API, "Forming relationships between events".
 */
export function relationOf(event: Pick<Pdu, 'content'>): EventRelation | undefined {
  const relation = contentOf(event, 'm.relates_to');
  if (!isJsonObject(relation) || typeof relation.rel_type !== 'string') return undefined;
  const eventId = asEventId(relation.event_id);
  return eventId === undefined ? undefined : { type: relation.rel_type, eventId };
}
