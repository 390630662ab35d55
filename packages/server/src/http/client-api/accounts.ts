import type { Route } from '../route.ts';
import { accountRoutes } from './account.ts';
import { accountDataRoutes } from './account-data.ts';
import type { AccountServices } from './account-services.ts';
import { administrationRoutes } from './administration.ts';
import { deviceRoutes } from './devices.ts';
import { fallbackPageRoutes } from './fallback-pages.ts';
import { filterRoutes } from './filters.ts';
import { loginRoutes } from './login.ts';
import { openIdRoutes } from './openid.ts';
import { profileRoutes } from './profile.ts';
import { registrationRoutes } from './registration.ts';
import { roomTagRoutes } from './room-tags.ts';
import { sharedSecretRegistrationRoutes } from './shared-secret-registration.ts';
import { thirdPartyIdentifierRoutes } from './third-party-identifiers.ts';

/** Every endpoint about users and what belongs to them alone. */
export function allAccountRoutes(services: AccountServices): Route[] {
  return [
    ...loginRoutes(services),
    ...registrationRoutes(services),
    ...fallbackPageRoutes(services),
    ...sharedSecretRegistrationRoutes(services),
    ...accountRoutes(services),
    ...thirdPartyIdentifierRoutes(),
    ...deviceRoutes(services),
    ...profileRoutes(services),
    ...accountDataRoutes(services),
    ...roomTagRoutes(services),
    ...filterRoutes(services),
    ...openIdRoutes(services),
    ...administrationRoutes(services),
  ];
}
