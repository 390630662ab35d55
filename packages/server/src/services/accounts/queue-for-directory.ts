import type { UserId } from '@limpet/protocol/identifiers';
import { upsertDirectoryQueue } from '../../storage/queries/user-directory.ts';
import type { WriteTransaction } from '../../storage/storage.ts';

/**
 * The user came, goes, or is called otherwise: the user directory will look again. Belongs into the batch that makes it
 * so.
 */
export function queueForDirectory(transaction: WriteTransaction, userId: UserId): void {
  transaction.run(upsertDirectoryQueue, { userId });
}
