import {
  deleteRelation,
  insertRelation,
  shrinkThread,
  upsertRelatedEvent,
} from '../../../storage/queries/relations.ts';
import type { WriteTransaction } from '../../../storage/storage.ts';
import type { Projection } from '../projection.ts';
import type { RoomEvent } from '../room-event.ts';
import { relationRowOf } from './indexed-relation.ts';
import type { RelatedRooms } from './related-rooms.ts';

/**
 * Keeps what relates to what exact at the commit of each event. An event that relates to none costs nothing; a redacted
 * one relates to none any more.
 */
export function createRelationProjection(rooms: RelatedRooms): Projection {
  return {
    project(transaction: WriteTransaction, event: RoomEvent): void {
      const row = relationRowOf(event);
      if (row === undefined || event.isRejected || event.isSoftFailed) return;
      const { roomNid, parentId, roomIndex, relType, isEdit } = row;
      transaction.run(insertRelation, row);
      const isInThread = relType === 'm.thread';
      const hasReference = Number(relType === 'm.reference');
      if (!isInThread && isEdit === 0 && hasReference === 0) return;
      const threadLatest = isInThread ? roomIndex : null;
      const related = { threads: Number(isInThread), threadLatest, hasEdit: isEdit, hasReference };
      transaction.run(upsertRelatedEvent, { roomNid, parentId, ...related });
      rooms.note(roomNid);
    },

    projectRedacted(transaction: WriteTransaction, before: RoomEvent): void {
      const row = relationRowOf(before);
      if (row === undefined) return;
      const { roomNid, parentId, roomIndex, relType } = row;
      if (relType === 'm.thread') transaction.run(shrinkThread, { roomNid, parentId, roomIndex });
      transaction.run(deleteRelation, { roomNid, parentId, roomIndex });
    },
  };
}
