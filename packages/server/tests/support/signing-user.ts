import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { SEED_BYTES, type SigningKey, signingKeyFromSeed, signText } from '@limpet/protocol/signing';

/** The private keys of a user, and what they sign. Keys are made from small numbers, so that a story repeats itself. */
export class SigningUser {
  readonly userId: string;
  readonly master: SigningKey;
  readonly selfSigning: SigningKey;
  readonly userSigning: SigningKey;

  constructor(userId: string, seed: number) {
    this.userId = userId;
    [this.master, this.selfSigning, this.userSigning] = [keyOf(seed), keyOf(seed + 1), keyOf(seed + 2)];
  }

  /** The body of an upload of all three, without `auth`. */
  keys(): { master_key: JsonObject; self_signing_key: JsonObject; user_signing_key: JsonObject } {
    return {
      master_key: this.#publicKey(this.master, 'master'),
      self_signing_key: this.signedBy(this.master, this.#publicKey(this.selfSigning, 'self_signing')),
      user_signing_key: this.signedBy(this.master, this.#publicKey(this.userSigning, 'user_signing')),
    };
  }

  /** The object with this user's signature alone, by this key under this name (its own, or that of a device). */
  signedBy(key: SigningKey, object: JsonObject, name = key.publicKeyBase64): JsonObject {
    const { signatures: _signatures, unsigned: _unsigned, ...signed } = object;
    const signature = signText(encodeCanonicalJson(signed), key);
    return { ...signed, signatures: { [this.userId]: { [`ed25519:${name}`]: signature } } };
  }

  #publicKey({ publicKeyBase64 }: SigningKey, usage: string): JsonObject {
    return { user_id: this.userId, usage: [usage], keys: { [`ed25519:${publicKeyBase64}`]: publicKeyBase64 } };
  }
}

/** Device keys that are really signed, by the key that this small number makes. */
export function signedDeviceKeys(userId: string, deviceId: string, seed: number): JsonObject {
  const key = keyOf(seed);
  const keys = { [`ed25519:${deviceId}`]: key.publicKeyBase64, [`curve25519:${deviceId}`]: 'curve' };
  const device = { user_id: userId, device_id: deviceId, algorithms: ['m.megolm.v1.aes-sha2'], keys };
  return new SigningUser(userId, seed).signedBy(key, device, deviceId);
}

/** The signatures of one user on an object, by key ID. */
export function signaturesOn(object: JsonObject | undefined, userId: string): JsonObject {
  const { signatures } = object ?? {};
  const ofUser = isJsonObject(signatures) ? signatures[userId] : undefined;
  return isJsonObject(ofUser) ? ofUser : {};
}

export function keyOf(seed: number): SigningKey {
  return signingKeyFromSeed('ed25519:x', Buffer.alloc(SEED_BYTES, seed));
}
