import { getCapabilities } from '@limpet/protocol/endpoints/client/capabilities';
import { getVersions } from '@limpet/protocol/endpoints/client/versions';
import {
  getWellKnownClient,
  getWellKnownPolicyServer,
  getWellKnownSupport,
} from '@limpet/protocol/endpoints/client/well-known';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { DEFAULT_ROOM_VERSION_ID, ROOM_VERSION_IDS } from '@limpet/protocol/room-version';
import type { Config } from '../../config.ts';
import type { Accounts } from '../../services/accounts/accounts.ts';
import { type Route, route } from '../route.ts';
import { rtcTransportsOf } from './rtc.ts';

/** The versions of the specification that are spoken. */
const VERSIONS = Array.from({ length: 18 }, (_unused, minor) => `v1.${minor + 1}`);

/** What a client asks before it knows anything. Specification: client-server API, chapters 2, 3.7 and 4. */
export function serverInformationRoutes(config: Config, { users }: Pick<Accounts, 'users'>): Route[] {
  const versions = { versions: VERSIONS, unstable_features: unstableFeatures(config) };
  const transports = rtcTransportsOf(config);
  const capabilities = { ...CAPABILITIES, ...delayedEventCapabilities(config) };
  return [
    route(getVersions, () => versions),
    route(getWellKnownClient, ({ baseUrl }) => ({
      'm.homeserver': { base_url: config.publicUrl ?? baseUrl },
      ...(transports.length === 0 ? {} : { 'org.matrix.msc4143.rtc_foci': transports }),
    })),
    route(getCapabilities, async ({ requester }) => {
      const isAdmin = (await users.find(requester.userId))?.isAdmin === true;
      return { capabilities: isAdmin ? { ...capabilities, ...OF_ADMINISTRATORS } : capabilities };
    }),
    route(getWellKnownSupport, () => supportOf(config)),
    route(getWellKnownPolicyServer, () => {
      throw new MatrixError('M_NOT_FOUND', 'This server is no policy server.');
    }),
  ];
}

/** Specification: client-server API, `GET /.well-known/matrix/support`. Throws M_NOT_FOUND where nobody is named. */
function supportOf({ support }: Config): JsonObject {
  const answer: JsonObject = {};
  const contacts = [
    presentContact('m.role.admin', support.adminMatrixId, support.adminEmailAddress),
    presentContact('m.role.security', support.securityMatrixId, support.securityEmailAddress),
  ].filter((contact) => contact !== undefined);
  if (contacts.length > 0) answer.contacts = contacts;
  if (support.page !== undefined) answer.support_page = support.page;
  if (Object.keys(answer).length > 0) return answer;
  throw new MatrixError('M_NOT_FOUND', 'Nobody is named who looks after this server.');
}

function presentContact(role: string, matrixId: string | undefined, emailAddress: string | undefined) {
  if (matrixId === undefined && emailAddress === undefined) return undefined;
  const contact: JsonObject = { role };
  if (matrixId !== undefined) contact.matrix_id = matrixId;
  if (emailAddress !== undefined) contact.email_address = emailAddress;
  return contact;
}

/** Only what is there: a client acts on each of these. */
function unstableFeatures(config: Config): JsonObject {
  return {
    'org.matrix.msc4140': true,
    'org.matrix.msc4143': true,
    'org.matrix.msc4486': true,
    ...(config.stickyEvents.enabled && { 'org.matrix.msc4354': true }),
    'org.matrix.msc4380': true,
    'org.matrix.simplified_msc3575': true,
    'org.matrix.msc4306': true,
    'org.matrix.msc4308': true,
    'org.matrix.msc3814': true,
  };
}

/** How long and how many (G5). Specification: MSC4140. */
function delayedEventCapabilities({ delayedEvents }: Config): JsonObject {
  const limits = { max_delay_ms: delayedEvents.maxDelayMs, max_scheduled: delayedEvents.maxScheduled };
  return { 'm.delayed_events': limits, 'org.matrix.msc4140.delayed_events': limits };
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
