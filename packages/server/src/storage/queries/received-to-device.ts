import { defineStatement } from '../statement.ts';

/** Which messages to devices came from other servers. */

/** Changes nothing where the message came before: to be run with `expect`. */
export const insertReceivedToDevice = defineStatement<{ origin: string; messageId: string; receivedTs: number }>(
  `insert into received_to_device (origin, message_id, received_ts) values (:origin, :messageId, :receivedTs)
   on conflict (origin, message_id) do nothing`,
);

export const selectReceivedToDevice = defineStatement<{ origin: string; messageId: string }, { received_ts: number }>(
  'select received_ts from received_to_device where origin = :origin and message_id = :messageId',
);

/** Forgets all but some of the newest of one server, give or take those of the same millisecond. */
export const trimReceivedToDevice = defineStatement<{ origin: string; kept: number }>(
  `delete from received_to_device where origin = :origin and received_ts <
     (select received_ts from received_to_device where origin = :origin
      order by received_ts desc limit 1 offset :kept)`,
);

/** Forgets what came before then, some at a time. */
export const deleteOldReceivedToDevice = defineStatement<{ before: number; limit: number }, { message_id: string }>(
  `delete from received_to_device where (origin, message_id) in
   (select origin, message_id from received_to_device where received_ts < :before order by received_ts limit :limit)
   returning message_id`,
);
