import { defineStatement } from '../statement.ts';

/** Changes a row only where this device has not used the ID for this scope: to be run with `expect`. */
export const insertTransactionId = defineStatement<{
  userId: string;
  deviceId: string;
  scope: string;
  transactionId: string;
  eventNid: number | null;
  responseJson: string;
  createdTs: number;
}>(
  `insert into transaction_ids (user_id, device_id, scope, transaction_id, event_nid, response_json, created_ts)
   values (:userId, :deviceId, :scope, :transactionId, :eventNid, :responseJson, :createdTs)
   on conflict (user_id, device_id, scope, transaction_id) do nothing`,
);

export const selectTransactionId = defineStatement<
  { userId: string; deviceId: string; scope: string; transactionId: string },
  { event_nid: number | null; response_json: string }
>(
  `select event_nid, response_json from transaction_ids
   where user_id = :userId and device_id = :deviceId and scope = :scope and transaction_id = :transactionId`,
);

/** Forgets what was used before then, some at a time. */
export const deleteOldTransactionIds = defineStatement<{ before: number; limit: number }, { transaction_id: string }>(
  `delete from transaction_ids where (user_id, device_id, scope, transaction_id) in
   (select user_id, device_id, scope, transaction_id from transaction_ids
    where created_ts < :before order by created_ts limit :limit)
   returning transaction_id`,
);
