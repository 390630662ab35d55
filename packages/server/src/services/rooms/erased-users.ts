/** Users of this server who asked to be forgotten. */
export interface ErasedUsers {
  /** The position of the stream where that was; `undefined` for all others. */
  erasedAt(userId: string): number | undefined;
}
