/** What is known of a backed-up key without being able to read it. */
export interface KeyRank {
  /** Whether the device that backed it up had verified the device that the key came from. */
  readonly isVerified: boolean;
  /** The first message of the session that it can decrypt. */
  readonly firstMessageIndex: number;
  /** How often it was passed on from device to device. */
  readonly forwardedCount: number;
}

/**
 * Whether a key takes the place of the one that is there. Specification: client-server API, "Server-side key backups".
 */
export function isBetterKey(key: KeyRank, known: KeyRank): boolean {
  if (key.isVerified !== known.isVerified) return key.isVerified;
  if (key.firstMessageIndex !== known.firstMessageIndex) return key.firstMessageIndex < known.firstMessageIndex;
  return key.forwardedCount < known.forwardedCount;
}
