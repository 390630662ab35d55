import { sendInvite, sendInviteV1 } from '@limpet/protocol/endpoints/federation/inviting';
import {
  exchangeThirdPartyInvite,
  noteThirdPartyBinding,
} from '@limpet/protocol/endpoints/federation/third-party-invites';
import { parseEventId, parseRoomId, parseUserId } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Resident } from '../../services/federation-inbound/resident/resident.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';

/** The version of a room whose invite does not say it. Specification: `PUT /_matrix/federation/v1/invite`. */
const VERSION_LEFT_OUT = '1';

/** Specification: server-server API, "Inviting to a room" and "Third-party invites". */
export function invitingRoutes({ resident }: { readonly resident: Resident }): Route[] {
  const { invites, exchange } = resident;
  return [
    route(sendInvite, async ({ path, body, requester }) => {
      const event = await invites.take({
        ...invited(path),
        serverName: requester.serverName,
        versionId: body.room_version,
        json: body.event,
        roomState: body.invite_room_state ?? [],
      });
      return { event };
    }),

    route(sendInviteV1, async ({ path, body, requester }) => {
      const asked = { ...invited(path), serverName: requester.serverName };
      const roomState = roomStateIn(body);
      const event = await invites.take({ ...asked, versionId: VERSION_LEFT_OUT, json: body, roomState });
      return new RawJson(JSON.stringify([200, { event }]));
    }),

    route(exchangeThirdPartyInvite, async ({ path, body, requester }) => {
      if (body.room_id !== path.roomId) {
        throw new MatrixError('M_INVALID_PARAM', 'The body is of another room than the path.');
      }
      await exchange.exchange({
        serverName: requester.serverName,
        roomId: parseRoomId(path.roomId),
        sender: parseUserId(body.sender),
        target: parseUserId(body.state_key),
        thirdPartyInvite: body.content.third_party_invite,
      });
      return {};
    }),

    // Nothing is kept of it: this server sends no invites to addresses, and its users learn of theirs by the room.
    route(noteThirdPartyBinding, () => ({})),
  ];
}

function invited({ roomId, eventId }: { readonly roomId: string; readonly eventId: string }) {
  return { roomId: parseRoomId(roomId), eventId: parseEventId(eventId) };
}

function roomStateIn({ unsigned }: JsonObject): JsonObject[] {
  const list = isJsonObject(unsigned) ? unsigned.invite_room_state : undefined;
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}
