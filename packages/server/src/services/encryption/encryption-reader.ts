import type { StreamRange } from '../../storage/stream.ts';

/** What sync reads for end-to-end encryption. */
export interface EncryptionReader {
  /**
   * Messages for this device in the range of one writer, oldest first, at most `limit`, each the text of a client's
   * event.
   */
  toDevice(
    device: DeviceAddress,
    range: StreamRange,
    limit: number,
  ): Promise<readonly { readonly json: string; readonly position: number }[]>;
  /** The device has these: they are removed, in the background. */
  acknowledgeToDevice(device: DeviceAddress, writer: number, upTo: number): void;
  /** Counts and types for `device_one_time_keys_count` and `device_unused_fallback_key_types`. Cached. */
  keyCounts(device: DeviceAddress): Promise<KeyCounts>;
  /** Users whose devices or keys changed in these ranges. */
  changedUsers(ranges: readonly StreamRange[]): Promise<readonly string[]>;
  /** Users whose master keys this one signed in these ranges: the signer's devices alone see it. */
  signedUsers(signerId: string, ranges: readonly StreamRange[]): Promise<readonly string[]>;
}

export interface DeviceAddress {
  readonly userId: string;
  readonly deviceId: string;
}

export interface KeyCounts {
  /** `signed_curve25519` is always there, 0 where none are left. */
  readonly oneTimeKeys: Readonly<Record<string, number>>;
  readonly unusedFallbackTypes: readonly string[];
}
