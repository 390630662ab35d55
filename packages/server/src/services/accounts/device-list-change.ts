import { upsertDeviceListChange } from '../../storage/queries/devices.ts';
import type { WriteTransaction } from '../../storage/storage.ts';

/** Notes in the transaction that the devices of this user, their keys or their names changed, and publishes it. */
export function publishDeviceListChange(transaction: WriteTransaction, userId: string): void {
  const position = transaction.publish({ kind: 'device-list', userId });
  transaction.run(upsertDeviceListChange, { userId, writer: transaction.writer, position });
}
