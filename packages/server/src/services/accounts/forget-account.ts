import { deleteAllAccountData } from '../../storage/queries/account-data.ts';
import { deleteAllSigningKeys, deleteUserSignatures } from '../../storage/queries/cross-signing.ts';
import { deleteAllDevices } from '../../storage/queries/devices.ts';
import { deleteFilters } from '../../storage/queries/filters.ts';
import { updateAllBackupsDeleted } from '../../storage/queries/key-backups.ts';
import { deleteErasedProfile } from '../../storage/queries/profiles.ts';
import { deleteThreadSubscriptions } from '../../storage/queries/thread-subscriptions.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import { publishDeviceListChange } from './device-list-change.ts';

/** Adds to the batch that everything private of an account goes. */
export function forgetAccount(transaction: WriteTransaction, userId: string): void {
  transaction.run(deleteAllAccountData, { userId });
  transaction.run(deleteThreadSubscriptions, { userId });
  transaction.run(deleteFilters, { userId });
  transaction.run(updateAllBackupsDeleted, { userId });
  transaction.run(deleteAllSigningKeys, { userId });
  transaction.run(deleteUserSignatures, { signerId: userId });
}

/** The same for an account that has ended, with what requests wrote that were under way at that moment. */
export function forgetEndedAccount(transaction: WriteTransaction, userId: string): void {
  forgetAccount(transaction, userId);
  transaction.run(deleteErasedProfile, { userId });
  for (const statement of deleteAllDevices) transaction.run(statement, { userId, keptDeviceId: '' });
  publishDeviceListChange(transaction, userId);
}
