import {
  isLongerThan,
  MAX_IDENTIFIER_BYTES,
  type ServerName,
  serverNameOf,
  type UserId,
} from '@limpet/protocol/identifiers';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import {
  deleteProfileField,
  type ProfileFieldRow,
  selectProfile,
  selectProfileField,
  upsertProfileField,
} from '../../storage/queries/profiles.ts';
import type { Storage } from '../../storage/storage.ts';
import { checkProfileField, isMemberField } from './check-profile-field.ts';
import { queueForDirectory } from './queue-for-directory.ts';
import { Turns } from './turns.ts';
import type { Users } from './users.ts';

/** The whole profile, keys included, as JSON in bytes. Specification: client-server API, "Profiles". */
const MAX_PROFILE_BYTES = 65_536;

/** What of a profile stands in the membership events of its user. */
export interface MemberProfile {
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
}

/** Gives profiles of users of other servers. */
export interface OtherProfiles {
  /** Throws M_NOT_FOUND where there is no such user, M_UNKNOWN (502) where nobody says. */
  get(userId: UserId): Promise<JsonObject>;
}

export interface ProfilesOptions {
  readonly storage: Storage;
  readonly serverName: ServerName;
  readonly users: Users;
  readonly others: OtherProfiles;
  /**
   * Takes a new name or avatar to the user's rooms; the request waits for it, and one user's changes come one by one.
   */
  readonly onProfileChange: (userId: UserId, profile: MemberProfile) => Promise<void>;
}

/** Profiles: local users set theirs, those of other servers are asked for. */
export class Profiles {
  readonly #options: ProfilesOptions;
  readonly #turns = new Turns();

  constructor(options: ProfilesOptions) {
    this.#options = options;
  }

  /** The whole profile, `{}` when nothing was set. Throws M_NOT_FOUND when there is no such user. */
  async get(userId: UserId): Promise<JsonObject> {
    return this.#isRemote(userId) ? this.#options.others.get(userId) : this.getOwn(userId);
  }

  /** Like `get`, of users of this server alone: what other servers may ask for. */
  async getOwn(userId: UserId): Promise<JsonObject> {
    if (this.#isRemote(userId)) throw noSuchUser();
    await this.#checkExists(userId);
    return this.#read(userId);
  }

  /**
   * Throws M_NOT_FOUND when there is no such user, or he did not set this field; M_INVALID_PARAM for no possible
   * field.
   */
  async getField(userId: UserId, field: string): Promise<JsonValue> {
    checkFieldName(field);
    if (this.#isRemote(userId)) return ownField(await this.#options.others.get(userId), field);
    const [row] = await this.#options.storage.read(selectProfileField, { userId, field });
    if (row !== undefined) return JSON.parse(row.value_json);
    await this.#checkExists(userId);
    throw fieldNotSet();
  }

  /**
   * Sets one field. An empty name or avatar removes it. Throws M_INVALID_PARAM and M_KEY_TOO_LARGE for a field or value
   * that cannot be, M_PROFILE_TOO_LARGE when the whole gets too large.
   */
  async setField(userId: UserId, field: string, value: JsonValue): Promise<void> {
    checkFieldName(field);
    checkProfileField(field, value);
    if (isMemberField(field) && value === '') return this.deleteField(userId, field);
    await this.#turns.run(userId, async () => {
      const profile = { ...(await this.#read(userId)), [field]: value };
      if (isLongerThan(JSON.stringify(profile), MAX_PROFILE_BYTES)) {
        throw new MatrixError('M_PROFILE_TOO_LARGE', `A profile may have ${MAX_PROFILE_BYTES} bytes of JSON in all.`);
      }
      const valueJson = JSON.stringify(value);
      await this.#options.storage.write((transaction) => {
        transaction.run(upsertProfileField, { userId, field, valueJson });
        if (field === 'displayname') queueForDirectory(transaction, userId);
      });
      if (isMemberField(field)) await this.#options.onProfileChange(userId, memberProfileOf(profile));
    });
  }

  /** A field that is not set is passed over. */
  async deleteField(userId: UserId, field: string): Promise<void> {
    checkFieldName(field);
    await this.#turns.run(userId, async () => {
      const { [field]: previous, ...profile } = await this.#read(userId);
      if (previous === undefined) return;
      await this.#options.storage.write((transaction) => {
        transaction.run(deleteProfileField, { userId, field });
        if (field === 'displayname') queueForDirectory(transaction, userId);
      });
      if (isMemberField(field)) await this.#options.onProfileChange(userId, memberProfileOf(profile));
    });
  }

  /**
   * What goes into a member event of this user: nothing where another server keeps it to itself. Throws M_UNKNOWN (502)
   * where that server cannot be asked, and so not be told of the event either.
   */
  async memberProfile(userId: UserId): Promise<MemberProfile> {
    if (!this.#isRemote(userId)) return memberProfileOf(await this.#read(userId));
    try {
      return memberProfileOf(await this.#options.others.get(userId));
    } catch (error) {
      if (!(error instanceof MatrixError) || error.errcode !== 'M_NOT_FOUND') throw error;
      return memberProfileOf({});
    }
  }

  async #read(userId: UserId): Promise<JsonObject> {
    const rows = await this.#options.storage.read(selectProfile, { userId });
    return Object.fromEntries(rows.map((row: ProfileFieldRow) => [row.field, JSON.parse(row.value_json)]));
  }

  #isRemote(userId: UserId): boolean {
    return serverNameOf(userId) !== this.#options.serverName;
  }

  async #checkExists(userId: UserId): Promise<void> {
    if ((await this.#options.users.find(userId)) === undefined) throw noSuchUser();
  }
}

/** The common namespaced identifier grammar, or one of the two old names. Specification: appendices. */
const CUSTOM_FIELD = /^[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+$/;

function checkFieldName(field: string): void {
  if (isLongerThan(field, MAX_IDENTIFIER_BYTES)) {
    throw new MatrixError(
      'M_KEY_TOO_LARGE',
      `The name of a profile field may have ${MAX_IDENTIFIER_BYTES} bytes at most.`,
    );
  }
  if (!isMemberField(field) && !CUSTOM_FIELD.test(field)) {
    const text =
      'A profile field is "displayname", "avatar_url", or a name with a name space such as "org.example.field".';
    throw new MatrixError('M_INVALID_PARAM', text);
  }
}

function ownField(profile: JsonObject, field: string): JsonValue {
  const value = Object.hasOwn(profile, field) ? profile[field] : undefined;
  if (value === undefined) throw fieldNotSet();
  return value;
}

function noSuchUser(): MatrixError {
  return new MatrixError('M_NOT_FOUND', 'There is no profile of such a user here.');
}

function fieldNotSet(): MatrixError {
  return new MatrixError('M_NOT_FOUND', 'This user has not set this field of the profile.');
}

function memberProfileOf(profile: JsonObject): MemberProfile {
  const { displayname, avatar_url: avatarUrl } = profile;
  return {
    displayName: typeof displayname === 'string' ? displayname : undefined,
    avatarUrl: typeof avatarUrl === 'string' ? avatarUrl : undefined,
  };
}
