import { deleteReplacedEdu, insertOutgoingEdu } from '../../storage/queries/outgoing-edus.ts';
import type { WriteTransaction } from '../../storage/storage.ts';

/** An EDU that another server has to get, however long that takes. */
export interface OutgoingEdu {
  readonly serverName: string;
  /** `m.direct_to_device`, `m.device_list_update`, … */
  readonly type: string;
  /** Its `content`, as canonical JSON text: it goes out as it stands here. */
  readonly contentJson: string;
  /** It takes the place of one of the same type with the same key that still waits: only the last one matters. */
  readonly replacesKey?: string;
  /** Our clock. Milliseconds. */
  readonly nowMs: number;
}

/**
 * Queues an EDU for another server in the batch of whoever has something to tell, and wakes the federation sender
 * once that is on disk. EDUs of one server go out in the order in which they were queued, each until it is
 * acknowledged (twice after a crash, perhaps). A server that is away for long loses the oldest ones: see the sender's
 * limits. Specification: server-server API, "EDUs".
 */
export function queueEdu(transaction: WriteTransaction, edu: OutgoingEdu): void {
  const { serverName, type: eduType, replacesKey } = edu;
  if (replacesKey !== undefined) transaction.run(deleteReplacedEdu, { serverName, eduType, replacesKey });
  const position = transaction.publish({ kind: 'outgoing-edu', serverName });
  transaction.run(insertOutgoingEdu, {
    writer: transaction.writer,
    position,
    serverName,
    eduType,
    replacesKey: replacesKey ?? null,
    queuedTs: edu.nowMs,
    json: edu.contentJson,
  });
}
