import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { type Errcode, limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import { updateSigningKey, upsertUserSignature } from '../../storage/queries/cross-signing.ts';
import { selectDeviceKeysOfUsers, updateDeviceKeys } from '../../storage/queries/device-keys.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import { publishDeviceListChange } from '../accounts/device-list-change.ts';
import type { KeyQueries } from './key-queries.ts';
import { newSignatures, type Signer, withSignatures } from './new-signatures.ts';
import { keyIdOf, type SigningKey } from './signing-key.ts';
import type { SigningKeys, SigningKeysOfUser } from './signing-keys.ts';

/** Keys that one request may sign. */
const MAX_KEYS_PER_REQUEST = 500;
/** How often a request is looked at again when another one of the same user comes between. */
const MAX_ATTEMPTS = 3;

const KNOWN_EXPECTATION = 'the key is as it was known';

/** By user, by device ID or public key: the key with the new signatures. */
export type SignedKeys = Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;

export interface KeySignaturesParts {
  readonly storage: Storage;
  readonly signingKeys: SigningKeys;
  readonly queries: Pick<KeyQueries, 'query'>;
}

/**
 * Takes signatures on keys: a user's own on his devices and his master key, which everybody sees, and those on the
 * master keys of others, which he alone sees. Specification: client-server API, "POST /keys/signatures/upload".
 */
export class KeySignatures {
  readonly #parts: KeySignaturesParts;

  constructor(parts: KeySignaturesParts) {
    this.#parts = parts;
  }

  /**
   * Keeps what is right, and says of the rest what is wrong: M_INVALID_SIGNATURE, M_NOT_FOUND for a key that is not
   * here; by user, by device ID or public key. Throws M_TOO_LARGE for too many keys.
   */
  async upload(userId: string, signed: SignedKeys): Promise<JsonObject> {
    const count = Object.values(signed).reduce((sum, keys) => sum + Object.keys(keys).length, 0);
    if (count > MAX_KEYS_PER_REQUEST) {
      throw new MatrixError('M_TOO_LARGE', `One request may sign ${MAX_KEYS_PER_REQUEST} keys.`);
    }
    const { [userId]: own = {}, ...others } = signed;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const found = new Findings(userId);
      const keys = (await this.#parts.signingKeys.of([userId])).get(userId) ?? new Map();
      await this.#checkOwn(own, keys, found);
      await this.#checkOthers(others, keys, found);
      if (await this.#keep(found)) return found.failures();
    }
    throw limitExceeded('Your keys change several times at once.');
  }

  async #checkOwn(own: Readonly<Record<string, JsonObject>>, keys: SigningKeysOfUser, found: Findings): Promise<void> {
    if (Object.keys(own).length === 0) return;
    const { userId } = found;
    const rows = await this.#parts.storage.read(selectDeviceKeysOfUsers, { userIds: [userId] });
    const devices = new Map(rows.map((row) => [row.device_id, row.json]));
    const selfSigning = keys.get('self_signing');
    const master = keys.get('master');
    for (const [keyId, value] of Object.entries(own)) {
      const device = devices.get(keyId);
      if (device !== undefined) {
        const signer = { userId, keys: new Map(selfSigning && [[keyIdOf(selfSigning), selfSigning.publicKey]]) };
        found.noteOwn({ deviceId: keyId, json: device, value, signer, isKept: (id) => id.endsWith(`:${keyId}`) });
      } else if (keyId === master?.publicKey) {
        const signer = { userId, keys: devicesAsSigners(devices) };
        found.noteOwn({ deviceId: undefined, json: master.json, value, signer, isKept: (id) => signer.keys.has(id) });
      } else {
        found.fail(userId, keyId, 'M_NOT_FOUND', 'You have no device with keys and no master key of this name.');
      }
    }
  }

  async #checkOthers(others: SignedKeys, keys: SigningKeysOfUser, found: Findings): Promise<void> {
    const userIds = Object.keys(others);
    if (userIds.length === 0) return;
    const requested = Object.fromEntries(userIds.map((userId) => [userId, []]));
    const answer = await this.#parts.queries.query(requested, { viewer: found.userId, timeoutMs: undefined });
    const masterKeys: Record<string, JsonObject> = JSON.parse(answer.masterKeysJson);
    const userSigning = keys.get('user_signing');
    for (const [userId, ofUser] of Object.entries(others)) {
      const master = Object.hasOwn(masterKeys, userId) ? masterKeys[userId] : undefined;
      for (const [keyId, value] of Object.entries(ofUser)) {
        if (master === undefined || publicKeyOf(master) !== keyId) {
          found.fail(userId, keyId, 'M_NOT_FOUND', `The master key of ${userId} is not this one, or cannot be had.`);
        } else found.noteOther({ userId, publicKey: keyId, master, value, userSigning });
      }
    }
  }

  /** Whether it is written; not where a key changed meanwhile. */
  async #keep({ userId, own, others }: Findings): Promise<boolean> {
    if (own.length === 0 && others.length === 0) return true;
    const writing = this.#parts.storage.write((transaction) => {
      for (const change of own) writeOwn(transaction, userId, change);
      for (const other of others) {
        const position = transaction.publish({ kind: 'user-signature', userId, signedUserId: other.userId });
        const { writer } = transaction;
        transaction.run(upsertUserSignature, { signerId: userId, ...other, writer, position });
      }
      if (own.length > 0) publishDeviceListChange(transaction, userId);
    });
    return writing.then(
      () => true,
      (error) => {
        if (!(error instanceof ExpectationFailed) || error.expectation !== KNOWN_EXPECTATION) throw error;
        return false;
      },
    );
  }
}

/** A key of the user's own with its new signatures: of a device, or his master key. */
interface OwnChange {
  readonly deviceId: string | undefined;
  readonly known: string;
  readonly json: string;
}

interface UserSignature {
  readonly userId: string;
  readonly publicKey: string;
  readonly signerKeyId: string;
  readonly signature: string;
}

interface OwnKey {
  readonly deviceId: string | undefined;
  /** As it is here. */
  readonly json: string;
  readonly value: JsonObject;
  readonly signer: Signer;
  readonly isKept: (keyId: string) => boolean;
}

interface OthersKey {
  readonly userId: string;
  readonly publicKey: string;
  /** As it is here. */
  readonly master: JsonObject;
  readonly value: JsonObject;
  readonly userSigning: SigningKey | undefined;
}

/** What of one request is right, and what is not. */
class Findings {
  readonly userId: string;
  readonly own: OwnChange[] = [];
  readonly others: UserSignature[] = [];
  readonly #failures: { readonly userId: string; readonly keyId: string; readonly failure: JsonObject }[] = [];

  constructor(userId: string) {
    this.userId = userId;
  }

  noteOwn({ deviceId, json, value, signer, isKept }: OwnKey): void {
    const known: JsonObject = JSON.parse(json);
    const found = newSignatures(known, value, signer);
    if (!found.isRight) {
      this.fail(this.userId, deviceId ?? publicKeyOf(known) ?? '', 'M_INVALID_SIGNATURE', found.reason);
    } else if (found.signatures.size > 0) {
      const { signatures } = found;
      const signed = withSignatures(known, { userId: this.userId, signatures }, isKept);
      this.own.push({ deviceId, known: json, json: encodeCanonicalJson(signed) });
    }
  }

  noteOther({ userId, publicKey, master, value, userSigning }: OthersKey): void {
    const keys = new Map(userSigning && [[keyIdOf(userSigning), userSigning.publicKey]]);
    const found = newSignatures(master, value, { userId: this.userId, keys });
    if (!found.isRight) this.fail(userId, publicKey, 'M_INVALID_SIGNATURE', found.reason);
    else {
      for (const [signerKeyId, signature] of found.signatures) {
        this.others.push({ userId, publicKey, signerKeyId, signature });
      }
    }
  }

  fail(userId: string, keyId: string, errcode: Errcode, error: string): void {
    this.#failures.push({ userId, keyId, failure: { errcode, error } });
  }

  failures(): JsonObject {
    const byUser = Map.groupBy(this.#failures, ({ userId }) => userId);
    const texts = [...byUser].map(([userId, ofUser]): [string, JsonObject] => [
      userId,
      Object.fromEntries(ofUser.map(({ keyId, failure }) => [keyId, failure])),
    ]);
    return Object.fromEntries(texts);
  }
}

function writeOwn(transaction: WriteTransaction, userId: string, { deviceId, known, json }: OwnChange): void {
  if (deviceId !== undefined) {
    transaction.expect(updateDeviceKeys, { userId, deviceId, known, json }, KNOWN_EXPECTATION);
  } else {
    transaction.expect(updateSigningKey, { userId, usage: 'master', known, json }, KNOWN_EXPECTATION);
  }
}

/** The user's devices with their Ed25519 keys. */
function devicesAsSigners(devices: ReadonlyMap<string, string>): Map<string, string> {
  const signers = new Map<string, string>();
  for (const [deviceId, json] of devices) {
    const { keys }: JsonObject = JSON.parse(json);
    const keyId = `ed25519:${deviceId}`;
    const publicKey = isJsonObject(keys) && Object.hasOwn(keys, keyId) ? keys[keyId] : undefined;
    if (typeof publicKey === 'string') signers.set(keyId, publicKey);
  }
  return signers;
}

function publicKeyOf({ keys }: JsonObject): string | undefined {
  const [publicKey] = Object.values(isJsonObject(keys) ? keys : {});
  return typeof publicKey === 'string' ? publicKey : undefined;
}
