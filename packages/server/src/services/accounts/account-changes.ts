import { localpartOf, type UserId } from '@limpet/protocol/identifiers';
import { deleteProfile } from '../../storage/queries/profiles.ts';
import { updateDeactivated, updateErased, updatePassword } from '../../storage/queries/users.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';
import type { AccountRequests } from './account-requests.ts';
import { checkNewPassword } from './check-password.ts';
import type { Erasures } from './erasures.ts';
import { forgetAccount } from './forget-account.ts';
import type { PasswordHasher } from './password-hasher.ts';
import { queueForDirectory } from './queue-for-directory.ts';
import type { Sessions } from './sessions.ts';
import { type Users, unknownUser } from './users.ts';

export interface AccountChangesOptions {
  readonly storage: Storage;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly passwordHasher: PasswordHasher;
  readonly erasures: Erasures;
  readonly requests: AccountRequests;
  /** Begins to take a deactivated user out of the rooms; called when the account is gone already. */
  readonly onDeactivate: (userId: UserId) => Promise<void>;
}

/** Which sessions a new password ends. */
export type SessionsToEnd = 'none' | 'all' | { readonly allBut: string };

const USER_IS_ACTIVE = 'the user is active';

/** Changes of an account that end its sessions. */
export class AccountChanges {
  readonly #options: AccountChangesOptions;

  constructor(options: AccountChangesOptions) {
    this.#options = options;
  }

  /** Throws M_WEAK_PASSWORD, and M_NOT_FOUND when there is no such user, or a deactivated one. */
  async setPassword(userId: UserId, newPassword: string, ending: SessionsToEnd): Promise<void> {
    checkNewPassword(newPassword, localpartOf(userId));
    const passwordHash = await this.#options.passwordHasher.hash(newPassword);
    try {
      await this.#writePassword(userId, passwordHash, ending);
    } catch (error) {
      throw error instanceof ExpectationFailed && error.expectation === USER_IS_ACTIVE ? unknownUser() : error;
    }
  }

  async #writePassword(userId: UserId, passwordHash: string, ending: SessionsToEnd): Promise<void> {
    const { sessions, storage } = this.#options;
    if (ending === 'none') {
      await storage.write((transaction) =>
        transaction.expect(updatePassword, { userId, passwordHash }, USER_IS_ACTIVE),
      );
      return;
    }
    await sessions.writeAndCloseAll(userId, ending === 'all' ? undefined : ending.allBut, (transaction) =>
      transaction.expect(updatePassword, { userId, passwordHash }, USER_IS_ACTIVE),
    );
  }

  /**
   * Ends the account for good: nobody logs in any more, and the name is never given again. What was private goes; with
   * `erase` the profile too, and what the user wrote is shown as if it were redacted to whoever comes into its rooms
   * from now on. Media stay, since others may have passed them on. The rooms are left in the background, which goes on
   * after a restart, and so does what requests write that are under way. Throws M_NOT_FOUND when there is no such user.
   */
  async deactivate(userId: UserId, options: { erase: boolean }): Promise<void> {
    const { sessions, users, erasures, requests, onDeactivate } = this.#options;
    let position = 0;
    if ((await users.find(userId)) === undefined) throw unknownUser();
    await sessions.writeAndCloseAll(userId, undefined, (transaction) => {
      transaction.run(updateDeactivated, { userId });
      queueForDirectory(transaction, userId);
      forgetAccount(transaction, userId);
      if (options.erase) {
        transaction.run(deleteProfile, { userId });
        position = transaction.allocate();
        transaction.run(updateErased, { userId, position });
      }
    });
    requests.end(userId);
    if (options.erase) erasures.note(userId, position);
    await onDeactivate(userId);
  }
}
