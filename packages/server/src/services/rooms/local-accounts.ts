/** What rooms have to know of the accounts of this server, which stand below. */
export interface LocalAccounts {
  /** Guests come only into rooms that want them. Specification: client-server API, "Guest Access". */
  isGuest(userId: string): Promise<boolean>;
  /** Whether the account was deactivated. */
  hasEnded(userId: string): Promise<boolean>;
  /** Whether this user takes no invites. Specification: client-server API, "Invite permission". */
  blocksInvites(userId: string): Promise<boolean>;
}
