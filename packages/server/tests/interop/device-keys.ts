import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { JsonObject } from '@limpet/protocol/json';

/** The keys of a device as a client uploads them: its identity, and keys for one session each. Truly signed. */
export function createDeviceKeys(userId: string, deviceId: string) {
  const identity = generateKeyPairSync('ed25519');
  const keyId = `ed25519:${deviceId}`;

  function signed(value: JsonObject): JsonObject {
    const signature = sign(null, Buffer.from(canonical(value)), identity.privateKey);
    return { ...value, signatures: { [userId]: { [keyId]: unpadded(signature) } } };
  }

  const deviceKeys = signed({
    user_id: userId,
    device_id: deviceId,
    algorithms: ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2'],
    keys: { [`curve25519:${deviceId}`]: newCurveKey(), [keyId]: rawKey(identity.publicKey) },
  });
  const oneTimeKeys = Object.fromEntries(
    ['AAAAAQ', 'AAAAAg', 'AAAAAw'].map((id) => [`signed_curve25519:${id}`, signed({ key: newCurveKey() })]),
  );
  return { deviceKeys, oneTimeKeys };
}

function newCurveKey(): string {
  return rawKey(generateKeyPairSync('x25519').publicKey);
}

function rawKey(key: KeyObject): string {
  return unpadded(Buffer.from(String(key.export({ format: 'jwk' }).x), 'base64url'));
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}

/** Enough of canonical JSON for objects of texts. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join(',')}}`;
}
