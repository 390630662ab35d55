import type { UserId } from '@limpet/protocol/identifiers';
import { selectAnnouncedList } from '../../storage/queries/announced-devices.ts';
import { selectDeviceKeysOfUsers } from '../../storage/queries/device-keys.ts';
import { selectUser } from '../../storage/queries/users.ts';
import type { Storage } from '../../storage/storage.ts';
import type { SigningKeys } from './signing-keys.ts';

export interface OwnDevices {
  /** The newest update of this list that was sent to anybody; 0 where there was none. */
  readonly streamId: number;
  /** The text of a JSON list: those that have keys. */
  readonly devicesJson: string;
  /** Cross-signing keys, as other servers see them. */
  readonly masterKeyJson: string | undefined;
  readonly selfSigningKeyJson: string | undefined;
}

/**
 * A user's devices as other servers get them; `undefined` where there is no such user.
 * Specification: server-server API, "Device Management".
 */
export async function readOwnDevices(
  { storage, signingKeys }: { readonly storage: Storage; readonly signingKeys: SigningKeys },
  userId: UserId,
): Promise<OwnDevices | undefined> {
  const [user] = await storage.read(selectUser, { userId });
  if (user === undefined) return undefined;
  // The number first: an update that comes between is in the list already, and once more does no harm.
  const [announced] = await storage.read(selectAnnouncedList, { userId });
  const rows = await storage.read(selectDeviceKeysOfUsers, { userIds: [userId] });
  const devices = rows.map(({ device_id: deviceId, json, display_name: name }) => {
    const named = name === null ? '' : `"device_display_name":${JSON.stringify(name)},`;
    return `{${named}"device_id":${JSON.stringify(deviceId)},"keys":${json}}`;
  });
  const keys = (await signingKeys.of([userId])).get(userId);
  return {
    streamId: announced?.stream_id ?? 0,
    devicesJson: `[${devices.join(',')}]`,
    masterKeyJson: keys?.get('master')?.json,
    selfSigningKeyJson: keys?.get('self_signing')?.json,
  };
}
