import type { ServerName, UserId } from '@limpet/protocol/identifiers';
import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import { AccessTokens } from './access-tokens.ts';
import { AccountChanges } from './account-changes.ts';
import { AccountData } from './account-data.ts';
import { AccountModeration } from './account-moderation.ts';
import { AccountRequests } from './account-requests.ts';
import { Devices } from './devices.ts';
import { Erasures } from './erasures.ts';
import { Filters } from './filters.ts';
import { LastSeen } from './last-seen.ts';
import { Login } from './login.ts';
import { LoginTokens } from './login-tokens.ts';
import { OpenIdTokens } from './openid-tokens.ts';
import { type PasswordCost, PasswordHasher } from './password-hasher.ts';
import { type MemberProfile, type OtherProfiles, Profiles } from './profiles.ts';
import { RefreshTokens } from './refresh-tokens.ts';
import { Registration, type RegistrationMode } from './registration.ts';
import { RegistrationTokens } from './registration-tokens.ts';
import { RoomTags } from './room-tags.ts';
import { Sessions } from './sessions.ts';
import { SharedSecretRegistration } from './shared-secret-registration.ts';
import type { TokenLifetimes } from './token-lifetimes.ts';
import { UserInteractiveAuthentication } from './user-interactive-authentication.ts';
import { Users } from './users.ts';

export interface AccountsOptions {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly serverName: ServerName;
  readonly registrationMode: RegistrationMode;
  readonly takesGuests: boolean;
  /** `undefined` switches that registration off. */
  readonly registrationSharedSecret: string | undefined;
  /** Of clients that know refresh tokens. */
  readonly tokenLifetimes: TokenLifetimes;
  /** For tests: CHEAP_PASSWORD_COST. */
  readonly passwordCost?: PasswordCost | undefined;
  /** Where profiles of users of other servers come from. */
  readonly otherProfiles: OtherProfiles;
  /** What the rooms, which stand above, do when somebody's name or avatar changed. */
  readonly onProfileChange: (userId: UserId, profile: MemberProfile) => Promise<void>;
  /** What the rooms do when an account ended: the user leaves them. */
  readonly onDeactivate: (userId: UserId) => Promise<void>;
}

/** All that is known of local users and their devices. */
export interface Accounts {
  readonly users: Users;
  readonly accessTokens: AccessTokens;
  /** Everything that is done with an access token has to go through this. */
  readonly requests: AccountRequests;
  readonly sessions: Sessions;
  readonly devices: Devices;
  readonly login: Login;
  readonly loginTokens: LoginTokens;
  readonly refreshTokens: RefreshTokens;
  readonly registration: Registration;
  readonly registrationTokens: RegistrationTokens;
  readonly sharedSecretRegistration: SharedSecretRegistration;
  readonly interactiveAuthentication: UserInteractiveAuthentication;
  readonly accountChanges: AccountChanges;
  readonly moderation: AccountModeration;
  /** To be loaded before anything is shown. */
  readonly erasures: Erasures;
  readonly profiles: Profiles;
  readonly accountData: AccountData;
  readonly roomTags: RoomTags;
  readonly filters: Filters;
  readonly openIdTokens: OpenIdTokens;
  /** To be flushed before the storage closes. */
  readonly lastSeen: LastSeen;
}

export function createAccounts(options: AccountsOptions): Accounts {
  const { storage, platform, serverName, onProfileChange, onDeactivate } = options;
  const passwordHasher = new PasswordHasher(platform.random, options.passwordCost);
  const users = new Users(storage, serverName, passwordHasher);
  const lastSeen = new LastSeen(storage, platform);
  const accessTokens = new AccessTokens(storage, platform.clock, lastSeen);
  const { tokenLifetimes: lifetimes } = options;
  const sessions = new Sessions({ storage, platform, accessTokens, lifetimes });
  const loginTokens = new LoginTokens(platform, users);
  const registrationTokens = new RegistrationTokens(storage, platform, users);
  const registration = new Registration({
    platform,
    serverName,
    mode: options.registrationMode,
    users,
    sessions,
    passwordHasher,
    registrationTokens,
    accessTokens,
    takesGuests: options.takesGuests,
  });
  const accountData = new AccountData(storage);
  const erasures = new Erasures(storage);
  const requests = new AccountRequests();
  return {
    users,
    accessTokens,
    requests,
    sessions,
    devices: new Devices(storage, lastSeen),
    login: new Login(users, sessions, loginTokens),
    loginTokens,
    refreshTokens: new RefreshTokens({ storage, platform, accessTokens, lifetimes }),
    registration,
    registrationTokens,
    sharedSecretRegistration: new SharedSecretRegistration(platform, registration, options.registrationSharedSecret),
    interactiveAuthentication: new UserInteractiveAuthentication(platform),
    accountChanges: new AccountChanges({ storage, users, sessions, passwordHasher, erasures, requests, onDeactivate }),
    moderation: new AccountModeration({ storage, serverName, users, accessTokens }),
    profiles: new Profiles({ storage, serverName, users, others: options.otherProfiles, onProfileChange }),
    erasures,
    accountData,
    roomTags: new RoomTags(accountData),
    filters: new Filters(storage),
    openIdTokens: new OpenIdTokens(storage, platform),
    lastSeen,
  };
}
