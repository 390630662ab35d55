import type { StreamRange, StreamVector } from '../../storage/stream.ts';

/** What sync and others read of account data. */
export interface AccountDataReader {
  /** Everything of this user that changed in these ranges (`undefined`: everything there is), global and of rooms. */
  changed(userId: string, ranges: readonly StreamRange[] | undefined): Promise<readonly AccountDataItem[]>;
  /** Everything global of this user. */
  global(userId: string): Promise<readonly AccountDataItem[]>;
  /** By room ID: what of it changed after this vector; all there is where it is `undefined`. */
  inRooms(userId: string, rooms: ReadonlyMap<string, StreamVector | undefined>): Promise<readonly AccountDataItem[]>;
  /** The users whose events this user does not want to see (`m.ignored_user_list`). Cached. */
  ignoredUsers(userId: string): Promise<ReadonlySet<string>>;
  /** Whether this user takes no invites (`m.invite_permission_config`). */
  blocksInvites(userId: string): Promise<boolean>;
}

export interface AccountDataItem {
  /** `undefined` for global account data. */
  readonly roomId: string | undefined;
  readonly type: string;
  readonly contentJson: string;
}
