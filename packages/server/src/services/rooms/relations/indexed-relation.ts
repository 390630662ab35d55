import { isJsonObject } from '@limpet/protocol/json';
import { contentOf, type Pdu } from '@limpet/protocol/pdu';
import type { insertRelation } from '../../../storage/queries/relations.ts';
import { type EventRelation, relationOf } from '../event-relation.ts';
import type { RoomEvent } from '../room-event.ts';

/** Longest `rel_type` that is indexed, in characters: those of the specification, and namespaced ones, are shorter. */
const MAX_REL_TYPE_LENGTH = 255;
/** So many characters of an annotation's key stand in the index. */
const MAX_INDEXED_KEY_LENGTH = 64;

/** The row of an event that relates to another one. */
export type RelationRow = NonNullable<(typeof insertRelation)['parameters']>;

/** How this event relates to another one, where that is kept. */
export function indexedRelationOf(event: Pick<Pdu, 'content'>): EventRelation | undefined {
  const relation = relationOf(event);
  return relation === undefined || relation.type.length > MAX_REL_TYPE_LENGTH ? undefined : relation;
}

/** The row of this event; `undefined` for one that relates to none, or has no place. */
export function relationRowOf({ nid, pdu, place, room }: RoomEvent): RelationRow | undefined {
  const relation = indexedRelationOf(pdu);
  if (relation === undefined || place === undefined) return undefined;
  const isEdit = relation.type === 'm.replace' && mayReplace(pdu);
  return {
    roomNid: room.nid,
    parentId: relation.eventId,
    roomIndex: place.roomIndex,
    eventNid: nid,
    eventId: pdu.eventId,
    relType: relation.type,
    type: pdu.type,
    sender: pdu.sender,
    originServerTs: pdu.originServerTs,
    aggregationKey: aggregationKeyOf(pdu, { isEdit, relType: relation.type }),
    isEdit: Number(isEdit),
  };
}

/** What the index tells apart: events with the same one are the same to who counts them. */
function aggregationKeyOf(pdu: Pdu, { isEdit, relType }: { isEdit: boolean; relType: string }): string {
  if (isEdit) return `=${pdu.type}`;
  return relType === 'm.annotation' ? indexedKey(annotationKeyOf(pdu) ?? '') : '';
}

/** `key` of an annotation, where it has one. Specification: client-server API, "Event annotations and reactions". */
export function annotationKeyOf(event: Pick<Pdu, 'content'>): string | undefined {
  const relation = contentOf(event, 'm.relates_to');
  return isJsonObject(relation) && typeof relation.key === 'string' ? relation.key : undefined;
}

/** What of a key stands in the index. */
export function indexedKey(key: string): string {
  return [...key.slice(0, 2 * MAX_INDEXED_KEY_LENGTH)].slice(0, MAX_INDEXED_KEY_LENGTH).join('');
}

/**
 * What a replacement has to be by itself to be valid; what it has to share with the original is looked at when it is
 * read. Specification: client-server API, "Validity of replacement events".
 */
function mayReplace(pdu: Pdu): boolean {
  if (pdu.stateKey !== undefined) return false;
  return pdu.type === 'm.room.encrypted' || isJsonObject(contentOf(pdu, 'm.new_content'));
}
