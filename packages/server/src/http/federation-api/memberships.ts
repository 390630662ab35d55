import { makeJoin } from '@limpet/protocol/endpoints/federation/joining';
import { makeKnock } from '@limpet/protocol/endpoints/federation/knocking';
import { makeLeave } from '@limpet/protocol/endpoints/federation/leaving';
import { parseRoomId, parseUserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import type { AskedMembership } from '../../services/federation-inbound/resident/membership-templates.ts';
import type { Resident } from '../../services/federation-inbound/resident/resident.ts';
import { type Route, route } from '../route.ts';
import type { RequestingServer } from '../server-signature.ts';

/** What servers that do not say it are taken to know. Specification: `make_join`, `ver`. */
const USUAL_VERSIONS = ['1'];

/** Specification: server-server API, "Joining Rooms", "Knocking upon a room", "Leaving Rooms". */
export function federationMembershipRoutes({ resident }: { readonly resident: Resident }): Route[] {
  function make(membership: AskedMembership, { path, requester }: MakeRequest, versions?: readonly string[]) {
    const { serverName } = requester;
    const asked = { roomId: parseRoomId(path.roomId), userId: parseUserId(path.userId) };
    return resident.templates.make({ ...asked, serverName, membership, versions });
  }

  return [
    route(makeJoin, (request): Promise<JsonObject> => make('join', request, versionsIn(request.query.ver))),
    route(makeKnock, (request): Promise<JsonObject> => make('knock', request, versionsIn(request.query.ver))),
    route(makeLeave, (request): Promise<JsonObject> => make('leave', request)),
  ];
}

interface MakeRequest {
  readonly path: { readonly roomId: string; readonly userId: string };
  readonly requester: RequestingServer;
}

/** With commas in between, or the parameter over and over. */
function versionsIn(values: readonly string[] = USUAL_VERSIONS): string[] {
  return values.flatMap((value) => value.split(','));
}
