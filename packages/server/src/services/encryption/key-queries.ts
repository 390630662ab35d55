import type { ServerName } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { RemoteServerError, type RemoteServers } from '../remote-servers/remote-servers.ts';
import { type AskServer, askServers } from './ask-servers.ts';
import { type DeviceKeys, MAX_USERS_PER_QUERY } from './device-keys.ts';
import { deviceKeysText } from './device-keys-text.ts';
import { jsonObjectText } from './json-text.ts';
import { readQueriedKeys } from './read-user-keys.ts';
import type { RemoteDeviceLists } from './remote-device-lists.ts';
import type { SharedUsers } from './shared-users.ts';
import type { KeyUsage } from './signing-key.ts';
import type { SigningKeys, SigningKeysOfUser } from './signing-keys.ts';
import { splitByServer } from './split-by-server.ts';
import type { UserKeys } from './user-keys.ts';
import type { UserSignatures } from './user-signatures.ts';

/** Lists of one server that are asked for at once. */
const LISTS_AT_ONCE = 10;
/** Largest answer of one server. */
const MAX_ANSWER_BYTES = 10 * 1024 * 1024;

/** Texts of JSON, for the answer; each by user. */
export interface KeyQueryAnswer {
  /** By device. Every local user asked for has an entry. */
  readonly deviceKeysJson: string;
  /** With what the viewer signed of them. */
  readonly masterKeysJson: string;
  readonly selfSigningKeysJson: string;
  /** The viewer's own, where it was asked for: nobody else sees it. */
  readonly userSigningKeysJson: string;
  /** By server. */
  readonly failures: JsonObject;
}

export interface KeyQueryOptions {
  /** Who asks: some of it is for him alone. */
  readonly viewer: string;
  /** How long to wait for other servers. */
  readonly timeoutMs: number | undefined;
}

export interface KeyQueriesParts {
  readonly platform: Platform;
  readonly remote: RemoteServers;
  readonly serverName: ServerName;
  readonly deviceKeys: DeviceKeys;
  readonly signingKeys: SigningKeys;
  readonly signatures: UserSignatures;
  readonly lists: RemoteDeviceLists;
  readonly shared: SharedUsers;
}

type Wanted = readonly (readonly [userId: string, deviceIds: readonly string[]])[];
type Found = readonly [userId: string, keys: UserKeys];

/** Finds the keys of users wherever they are. Specification: client-server API, `POST /keys/query`. */
export class KeyQueries {
  readonly #parts: KeyQueriesParts;

  constructor(parts: KeyQueriesParts) {
    this.#parts = parts;
  }

  /**
   * The keys of users, of some of their devices or (an empty list) of all. A server that does not answer in time, or
   * has no answer that can be taken, is named in `failures`. Throws M_TOO_LARGE for too many users or servers.
   */
  async query(
    requested: Readonly<Record<string, readonly string[]>>,
    { viewer, timeoutMs }: KeyQueryOptions,
  ): Promise<KeyQueryAnswer> {
    if (Object.keys(requested).length > MAX_USERS_PER_QUERY) {
      throw new MatrixError('M_TOO_LARGE', `One query may ask for ${MAX_USERS_PER_QUERY} users.`);
    }
    const { platform, serverName, deviceKeys, signingKeys, signatures } = this.#parts;
    const { local, remote } = splitByServer(requested, serverName);
    const [own, ownSigningKeys, others] = await Promise.all([
      deviceKeys.read(local),
      signingKeys.of(local.map(([userId]) => userId)),
      askServers(remote, { requestedMs: timeoutMs, platform }, this.#ask),
    ]);
    const found = others.parts.map(([userId, keys]): [string, string] => [
      userId,
      devicesText(keys, requested[userId] ?? []),
    ]);
    const ofOthers = (member: 'masterKeyJson' | 'selfSigningKeyJson') =>
      others.parts.flatMap(([userId, keys]) => textOf(userId, keys[member]));
    const masterKeys = [...keyTexts(ownSigningKeys, 'master'), ...ofOthers('masterKeyJson')];
    const viewersKeys = new Map([...ownSigningKeys].filter(([userId]) => userId === viewer));
    return {
      deviceKeysJson: jsonObjectText([...own, ...found]),
      masterKeysJson: jsonObjectText(await signatures.addTo(masterKeys, viewer)),
      selfSigningKeysJson: jsonObjectText([
        ...keyTexts(ownSigningKeys, 'self_signing'),
        ...ofOthers('selfSigningKeyJson'),
      ]),
      userSigningKeysJson: jsonObjectText(keyTexts(viewersKeys, 'user_signing')),
      failures: others.failures,
    };
  }

  /** The keys of this server's users alone, as other servers see them. */
  async queryOwn(
    requested: Readonly<Record<string, readonly string[]>>,
  ): Promise<Pick<KeyQueryAnswer, 'deviceKeysJson' | 'masterKeysJson' | 'selfSigningKeysJson'>> {
    const { serverName, deviceKeys, signingKeys } = this.#parts;
    const { local } = splitByServer(requested, serverName);
    const devices = await deviceKeys.read(local);
    const keys = await signingKeys.of(local.map(([userId]) => userId));
    return {
      deviceKeysJson: jsonObjectText(devices),
      masterKeysJson: jsonObjectText(keyTexts(keys, 'master')),
      selfSigningKeysJson: jsonObjectText(keyTexts(keys, 'self_signing')),
    };
  }

  /** From the lists that are kept; then the lists that are to be kept; for the rest one question for all together. */
  readonly #ask: AskServer<Wanted, Found> = async (serverName, wanted, { timeoutMs, give }) => {
    const { lists, shared } = this.#parts;
    const userIds = wanted.map(([userId]) => userId);
    const kept = await lists.read(userIds);
    for (const found of kept) give(found);
    const missing = wanted.filter(([userId]) => !kept.has(userId));
    const followed = await shared.amongst(missing.map(([userId]) => userId));
    const strangers = missing.filter(([userId]) => !followed.has(userId));
    const asked = await Promise.allSettled([
      this.#askForLists([...followed], give),
      strangers.length === 0 ? undefined : this.#askForStrangers(serverName, strangers, { timeoutMs, give }),
    ]);
    for (const one of asked) if (one.status === 'rejected') throw one.reason;
  };

  /** One that fails keeps no other back, unless the server is not there at all. */
  async #askForLists(userIds: readonly string[], give: (found: Found) => void): Promise<void> {
    const waiting = [...userIds];
    let failure: unknown;
    let isThere = true;
    const askOneByOne = async () => {
      for (let userId = waiting.pop(); userId !== undefined && isThere; userId = waiting.pop()) {
        try {
          give([userId, await this.#parts.lists.ask(userId)]);
        } catch (error) {
          failure ??= error;
          isThere = error instanceof RemoteServerError && error.kind !== 'unreachable';
        }
      }
    };
    await Promise.all(Array.from({ length: LISTS_AT_ONCE }, askOneByOne));
    if (failure !== undefined) throw failure;
  }

  async #askForStrangers(
    serverName: ServerName,
    wanted: Wanted,
    { timeoutMs, give }: { readonly timeoutMs: number; readonly give: (found: Found) => void },
  ): Promise<void> {
    const deviceKeys = Object.fromEntries(wanted.map(([userId, deviceIds]) => [userId, [...deviceIds]]));
    const answer = await this.#parts.remote.request(serverName, {
      method: 'POST',
      path: '/_matrix/federation/v1/user/keys/query',
      body: { device_keys: deviceKeys },
      timeoutMs,
      maxBytes: MAX_ANSWER_BYTES,
    });
    const userIds = wanted.map(([userId]) => userId);
    for (const found of readQueriedKeys(userIds, answer)) give(found);
  }
}

function textOf(userId: string, json: string | undefined): [string, string][] {
  return json === undefined ? [] : [[userId, json]];
}

function keyTexts(keys: ReadonlyMap<string, SigningKeysOfUser>, usage: KeyUsage): [string, string][] {
  return [...keys].flatMap(([userId, ofUser]) => textOf(userId, ofUser.get(usage)?.json));
}

function devicesText({ devices }: UserKeys, deviceIds: readonly string[]): string {
  const wanted = [...devices].filter(([deviceId]) => deviceIds.length === 0 || deviceIds.includes(deviceId));
  return jsonObjectText(
    wanted.map(([deviceId, { json, displayName }]) => [deviceId, deviceKeysText(json, displayName ?? null)]),
  );
}
