import type { SigningKey } from '@limpet/protocol/signing';
import type { Config } from './config.ts';
import type { Platform } from './platform/platform.ts';
import { type Accounts, createAccounts } from './services/accounts/accounts.ts';
import type { PasswordCost } from './services/accounts/password-hasher.ts';
import type { Storage } from './storage/storage.ts';

/** Every service of the server, by rank: what stands lower knows only what stands above it here. */
export interface Services {
  readonly accounts: Accounts;
}

export interface ServiceParts {
  readonly config: Config;
  readonly platform: Platform;
  readonly storage: Storage;
  /** Signs what the server says: events, and requests to other servers. */
  readonly signingKey: SigningKey;
  /** What a password hash costs; tests make it cheap. */
  readonly passwordCost?: PasswordCost;
}

/** Builds the services and puts them together. */
export function composeServices({ config, platform, storage, passwordCost }: ServiceParts): Services {
  const accounts = createAccounts({
    storage,
    platform,
    serverName: config.serverName,
    registrationMode: config.registration.mode,
    registrationSharedSecret: config.registrationSharedSecret,
    passwordCost,
    // There are no rooms yet that would have to be told.
    onProfileChange: async () => {},
    onDeactivate: async () => {},
  });
  return { accounts };
}

/** Writes what the services still hold in memory, the highest rank first. The storage is open all the while. */
export async function stopServices({ accounts }: Services): Promise<void> {
  await accounts.lastSeen.flush();
}
