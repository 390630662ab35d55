import { getCapabilities } from '@limpet/protocol/endpoints/client/capabilities';
import { getVersions } from '@limpet/protocol/endpoints/client/versions';
import { getWellKnownClient } from '@limpet/protocol/endpoints/client/well-known';
import type { JsonObject } from '@limpet/protocol/json';
import { DEFAULT_ROOM_VERSION_ID, ROOM_VERSION_IDS } from '@limpet/protocol/room-version';
import type { Config } from '../../config.ts';
import type { Accounts } from '../../services/accounts/accounts.ts';
import { type Route, route } from '../route.ts';

/**
 * The versions of the specification that are spoken. 1.18 asks for ways to lock and suspend users and to block invites,
 * which are not there, so it is not claimed.
 */
const VERSIONS = Array.from({ length: 17 }, (_unused, minor) => `v1.${minor + 1}`);

/** What a client asks before it knows anything. Specification: client-server API, chapters 2, 3.7 and 4. */
export function serverInformationRoutes(config: Config, { users }: Pick<Accounts, 'users'>): Route[] {
  const versions = { versions: VERSIONS, unstable_features: unstableFeatures(config) };
  return [
    route(getVersions, () => versions),
    route(getWellKnownClient, ({ baseUrl }) => ({ 'm.homeserver': { base_url: config.publicUrl ?? baseUrl } })),
    route(getCapabilities, async ({ requester }) => {
      const isAdmin = (await users.find(requester.userId))?.isAdmin === true;
      return { capabilities: isAdmin ? { ...CAPABILITIES, ...OF_ADMINISTRATORS } : CAPABILITIES };
    }),
  ];
}

/** Only what is there: a client acts on each of these. */
function unstableFeatures(config: Config): JsonObject {
  return {
    ...(config.stickyEvents.enabled && { 'org.matrix.msc4354': true }),
    'org.matrix.simplified_msc3575': true,
  };
}

const OF_ADMINISTRATORS: JsonObject = { 'm.account_moderation': { lock: true, suspend: true } };

const CAPABILITIES: JsonObject = {
  'm.change_password': { enabled: true },
  'm.room_versions': {
    default: DEFAULT_ROOM_VERSION_ID,
    available: Object.fromEntries(ROOM_VERSION_IDS.map((id) => [id, 'stable'])),
  },
  'm.profile_fields': { enabled: true },
  // Older clients ask for these two instead.
  'm.set_displayname': { enabled: true },
  'm.set_avatar_url': { enabled: true },
  'm.3pid_changes': { enabled: false },
  'm.get_login_token': { enabled: true },
};
