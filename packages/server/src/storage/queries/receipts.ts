import { defineStatement } from '../statement.ts';

export interface ReceiptRow {
  user_id: string;
  receipt_type: string;
  /** '' for an unthreaded receipt. */
  thread_id: string;
  event_id: string;
  room_index: number;
  ts: number;
}

const COLUMNS = 'user_id, receipt_type, thread_id, event_id, room_index, ts';

const SEEN_BY_USER = `(receipt_type <> 'm.read.private' or user_id = :userId)`;

/** Those that this user may see, the newest first, with `after` < position <= `upTo` of one writer. */
export const selectReceiptsBetween = defineStatement<
  { roomNid: number; userId: string; writer: number; after: number; upTo: number; limit: number },
  ReceiptRow
>(
  `select ${COLUMNS} from receipts
   where room_nid = :roomNid and writer = :writer and position > :after and position <= :upTo and ${SEEN_BY_USER}
   order by position desc limit :limit`,
);

/** Those of the room that this user may see, the newest of each writer first. */
export const selectReceiptsOfRoom = defineStatement<{ roomNid: number; userId: string; limit: number }, ReceiptRow>(
  `select ${COLUMNS} from receipts where room_nid = :roomNid and ${SEEN_BY_USER}
   order by writer desc, position desc limit :limit`,
);

export const selectReceiptsOfUser = defineStatement<{ roomNid: number; userId: string }, ReceiptRow>(
  `select ${COLUMNS} from receipts where room_nid = :roomNid and user_id = :userId
   order by receipt_type, thread_id`,
);

/** Changes nothing where the receipt stands at or after this event: to be run with `expect`. */
export const upsertReceipt = defineStatement<{
  roomNid: number;
  userId: string;
  receiptType: string;
  threadId: string;
  eventId: string;
  roomIndex: number;
  ts: number;
  writer: number;
  position: number;
}>(
  `insert into receipts (room_nid, user_id, receipt_type, thread_id, event_id, room_index, ts, writer, position)
   values (:roomNid, :userId, :receiptType, :threadId, :eventId, :roomIndex, :ts, :writer, :position)
   on conflict (room_nid, user_id, receipt_type, thread_id) do update set
     event_id = excluded.event_id, room_index = excluded.room_index, ts = excluded.ts,
     writer = excluded.writer, position = excluded.position
   where excluded.room_index > receipts.room_index`,
);

/** Changes nothing where the marker is not what it was (`previousJson`, '' for none): to be run with `expect`. */
export const upsertFullyRead = defineStatement<{
  userId: string;
  roomId: string;
  contentJson: string;
  previousJson: string;
  writer: number;
  position: number;
}>(
  `insert into account_data (user_id, room_id, type, content_json, writer, position)
   values (:userId, :roomId, 'm.fully_read', :contentJson, :writer, :position)
   on conflict (user_id, room_id, type) do update set
     content_json = excluded.content_json, writer = excluded.writer, position = excluded.position
   where account_data.content_json = :previousJson`,
);
