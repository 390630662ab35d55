import {
  getJoinedMembers,
  getJoinedRooms,
  getRoomMembers,
  getRoomState,
  getStateWithEmptyKey,
  getStateWithKey,
} from '@limpet/protocol/endpoints/client/room-reading';
import { parseRoomId } from '@limpet/protocol/identifiers';
import type { Requester } from '../authenticate.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import { list, type RoomReadingServices, viewerOf } from './room-history.ts';
import { timelinePlace } from './timeline-place.ts';

/** Specification: client-server API, "Getting events for a room" and "Listing rooms". */
export function roomStateRoutes({ reading, storage }: RoomReadingServices): Route[] {
  const { door, rooms, states, timeline } = reading;

  async function slot(
    asked: { roomId: string; type: string; stateKey: string; format?: string },
    requester: Requester,
  ) {
    const access = await door.enter(parseRoomId(asked.roomId), requester.userId);
    const event = await states.slot(access, asked.type, asked.stateKey);
    if (asked.format !== 'event') return new RawJson(JSON.stringify(event.pdu.content));
    const [text = ''] = await rooms.present([event], viewerOf(requester));
    return new RawJson(text);
  }

  return [
    route(getRoomState, async ({ path, requester }) => {
      const access = await door.enter(parseRoomId(path.roomId), requester.userId);
      return new RawJson(list(await rooms.present(await states.all(access), viewerOf(requester))));
    }),

    route(getStateWithKey, ({ path, query, requester }) => {
      const { roomId, eventType, stateKey } = path;
      return slot({ roomId, type: eventType, stateKey, ...query }, requester);
    }),

    route(getStateWithEmptyKey, ({ path, query, requester }) => {
      const { roomId, eventType } = path;
      return slot({ roomId, type: eventType, stateKey: '', ...query }, requester);
    }),

    route(getRoomMembers, async ({ path, query, requester }) => {
      const access = await door.enter(parseRoomId(path.roomId), requester.userId);
      const at = await timelinePlace({ text: query.at, parameter: 'at' }, access.room, { storage, timeline });
      const { membership, not_membership: notMembership } = query;
      const members = await states.members(access, { at, membership, notMembership });
      return new RawJson(`{"chunk":${list(await rooms.present(members, viewerOf(requester)))}}`);
    }),

    route(getJoinedMembers, async ({ path, requester }) => {
      const members = await states.joinedMembers(parseRoomId(path.roomId), requester.userId);
      return new RawJson(JSON.stringify({ joined: Object.fromEntries(members) }));
    }),

    route(getJoinedRooms, async ({ requester }) => ({ joined_rooms: await states.joinedRooms(requester.userId) })),
  ];
}
