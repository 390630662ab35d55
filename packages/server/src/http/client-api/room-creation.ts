import { createRoom } from '@limpet/protocol/endpoints/client/room-creation';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { CreateRoomRequest } from '../../services/rooms/room-to-create.ts';
import { type EndpointRequest, type Route, route } from '../route.ts';
import type { RoomWritingServices } from './room-writing-services.ts';

type Body = EndpointRequest<typeof createRoom>['body'];

/** Specification: client-server API, "Creation". */
export function roomCreationRoutes({ rooms, rateLimits }: RoomWritingServices): Route[] {
  return [
    route(createRoom, async ({ body, requester }) => {
      rateLimits.take('createRoom', requester.userId);
      return { room_id: await rooms.createRoom({ creator: requester.userId, ...roomAskedFor(body) }) };
    }),
  ];
}

function roomAskedFor(body: Body): Omit<CreateRoomRequest, 'creator'> {
  if (body.invite_3pid !== undefined && body.invite_3pid.length > 0) throw noIdentityServer();
  return {
    isListed: body.visibility === 'public',
    preset: body.preset,
    roomAliasName: body.room_alias_name,
    name: body.name,
    topic: body.topic,
    invite: body.invite ?? [],
    isDirect: body.is_direct ?? false,
    roomVersion: body.room_version,
    creationContent: body.creation_content ?? {},
    initialState: (body.initial_state ?? []).map(({ type, state_key: stateKey = '', content }) => {
      return { type, stateKey, content };
    }),
    powerLevelContentOverride: body.power_level_content_override ?? {},
  };
}

/** There is nobody to ask who an e-mail address or a phone number belongs to. */
export function noIdentityServer(): MatrixError {
  const text = 'This server works with no identity server: invite by user ID.';
  return new MatrixError('M_FORBIDDEN', text);
}
