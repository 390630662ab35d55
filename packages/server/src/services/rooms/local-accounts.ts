import type { WriteTransaction } from '../../storage/storage.ts';

/** What rooms have to know of the accounts of this server, which stand below. */
export interface LocalAccounts {
  /** Guests come only into rooms that want them. Specification: client-server API, "Guest Access". */
  isGuest(userId: string): Promise<boolean>;
  /** Whether the account was deactivated. */
  hasEnded(userId: string): Promise<boolean>;
  /** Kept once all requests of the account that are under way have ended; `undefined` where there are none. */
  requestsUnderWay(userId: string): Promise<void> | undefined;
  /** Adds to the batch that everything private of an account that has ended goes. */
  forgetEnded(transaction: WriteTransaction, userId: string): void;
  /** Whether this user takes no invites. Specification: client-server API, "Invite permission". */
  blocksInvites(userId: string): Promise<boolean>;
}
