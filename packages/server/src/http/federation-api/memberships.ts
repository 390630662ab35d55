import { makeJoin, sendJoin, sendJoinV1 } from '@limpet/protocol/endpoints/federation/joining';
import { makeKnock, sendKnock } from '@limpet/protocol/endpoints/federation/knocking';
import { makeLeave, sendLeave, sendLeaveV1 } from '@limpet/protocol/endpoints/federation/leaving';
import { parseEventId, parseRoomId, parseUserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import type { TakenOver } from '../../services/federation-inbound/resident/handed-over-events.ts';
import type { AskedMembership } from '../../services/federation-inbound/resident/membership-templates.ts';
import type { Resident } from '../../services/federation-inbound/resident/resident.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import type { RequestingServer } from '../server-signature.ts';
import { json } from './events.ts';

/** What servers that do not say it are taken to know. Specification: `make_join`, `ver`. */
const USUAL_VERSIONS = ['1'];

/** Specification: server-server API, "Joining Rooms", "Knocking upon a room", "Leaving Rooms". */
export function federationMembershipRoutes({ resident }: { readonly resident: Resident }): Route[] {
  function make(membership: AskedMembership, { path, requester }: MakeRequest, versions?: readonly string[]) {
    const { serverName } = requester;
    const asked = { roomId: parseRoomId(path.roomId), userId: parseUserId(path.userId) };
    return resident.templates.make({ ...asked, serverName, membership, versions });
  }

  function take(membership: AskedMembership, { path, requester, body }: SendRequest): Promise<TakenOver> {
    const { serverName } = requester;
    const asked = { roomId: parseRoomId(path.roomId), eventId: parseEventId(path.eventId) };
    return resident.handedOver.take({ ...asked, serverName, membership, json: body });
  }

  return [
    route(makeJoin, (request): Promise<JsonObject> => make('join', request, versionsIn(request.query.ver))),
    route(makeKnock, (request): Promise<JsonObject> => make('knock', request, versionsIn(request.query.ver))),
    route(makeLeave, (request): Promise<JsonObject> => make('leave', request)),

    route(sendJoin, async (request) => {
      const omitMembers = request.query.omit_members === true;
      return json(await resident.states.joined(await take('join', request), omitMembers));
    }),

    route(sendJoinV1, async (request) => {
      const bytes = await resident.states.joined(await take('join', request), false);
      return json(Buffer.concat([Buffer.from('[200,'), bytes, Buffer.from(']')]));
    }),

    route(sendKnock, async (request) => {
      const { room } = await take('knock', request);
      return new RawJson(`{"knock_room_state":[${(await resident.served.roomState(room)).join(',')}]}`);
    }),

    route(sendLeave, async (request) => {
      await take('leave', request);
      return {};
    }),

    route(sendLeaveV1, async (request) => {
      await take('leave', request);
      return new RawJson('[200,{}]');
    }),
  ];
}

interface MakeRequest {
  readonly path: { readonly roomId: string; readonly userId: string };
  readonly requester: RequestingServer;
}

interface SendRequest {
  readonly path: { readonly roomId: string; readonly eventId: string };
  readonly requester: RequestingServer;
  readonly body: JsonObject;
}

/** With commas in between, or the parameter over and over. */
function versionsIn(values: readonly string[] = USUAL_VERSIONS): string[] {
  return values.flatMap((value) => value.split(','));
}
