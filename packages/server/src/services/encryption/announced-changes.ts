import { createHash } from 'node:crypto';
import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import type { JsonObject } from '@limpet/protocol/json';
import type { SigningKeysOfUser } from './signing-keys.ts';

/** A device with keys as it is now. */
export interface CurrentDevice {
  readonly deviceId: string;
  readonly displayName: string | null;
  /** Its keys, canonical JSON. */
  readonly json: string;
}

/** A device of which the other servers know something that is not so. */
export interface ChangedDevice {
  readonly deviceId: string;
  /** What it is now, to be kept as told; `undefined` where it is gone. */
  readonly digest: string | undefined;
  readonly device: CurrentDevice | undefined;
}

/** What is to be told: what differs from what was told last (by device, a digest). */
export function announcedChanges(
  current: readonly CurrentDevice[],
  announced: ReadonlyMap<string, string>,
): ChangedDevice[] {
  const changed = current.flatMap((device): ChangedDevice[] => {
    const digest = digestOf(device);
    return announced.get(device.deviceId) === digest ? [] : [{ deviceId: device.deviceId, digest, device }];
  });
  const present = new Set(current.map(({ deviceId }) => deviceId));
  const gone = [...announced.keys()].filter((deviceId) => !present.has(deviceId));
  return [...changed, ...gone.map((deviceId) => ({ deviceId, digest: undefined, device: undefined }))];
}

/**
 * The content of an `m.device_list_update`, as canonical JSON.
 * Specification: server-server API, "Device Management".
 */
export function deviceListUpdate(
  userId: string,
  { deviceId, device }: Omit<ChangedDevice, 'digest'>,
  { streamId, previous }: { readonly streamId: number; readonly previous: readonly number[] },
): string {
  const content: JsonObject = { user_id: userId, device_id: deviceId, stream_id: streamId, prev_id: [...previous] };
  if (device === undefined) return encodeCanonicalJson({ ...content, deleted: true });
  const name = device.displayName === null ? {} : { device_display_name: device.displayName };
  return encodeCanonicalJson({ ...content, ...name, keys: JSON.parse(device.json) });
}

/**
 * The content of an `m.signing_key_update`, as canonical JSON; `undefined` where there are no keys that others may see.
 * Specification: server-server API, "End-to-End Encryption".
 */
export function signingKeyUpdate(userId: string, keys: SigningKeysOfUser): string | undefined {
  const master = keys.get('master');
  const selfSigning = keys.get('self_signing');
  if (master === undefined) return undefined;
  const own = selfSigning === undefined ? {} : { self_signing_key: JSON.parse(selfSigning.json) };
  return encodeCanonicalJson({ user_id: userId, master_key: JSON.parse(master.json), ...own });
}

/** Tells one text from another. */
export function digestOfText(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function digestOf({ displayName, json }: CurrentDevice): string {
  return digestOfText(JSON.stringify([displayName, json]));
}
