import { reportEvent, reportRoom, reportUser } from '@limpet/protocol/endpoints/client/reporting';
import { parseEventId, parseRoomId, parseUserId } from '@limpet/protocol/identifiers';
import type { RoomsService } from '../../services/rooms/rooms.ts';
import type { RateLimits } from '../rate-limits.ts';
import { type Route, route } from '../route.ts';

export interface ReportingParts {
  readonly rooms: Pick<RoomsService, 'reports'>;
  readonly rateLimits: RateLimits;
}

/** Specification: client-server API, "Reporting content". */
export function reportingRoutes({ rooms, rateLimits }: ReportingParts): Route[] {
  const { reports } = rooms;
  return [
    route(reportEvent, async ({ path, body, requester }) => {
      rateLimits.take('report', requester.userId);
      const [roomId, eventId] = [parseRoomId(path.roomId), parseEventId(path.eventId)];
      await reports.ofEvent({ reporter: requester.userId, roomId, eventId, ...body });
      return {};
    }),

    route(reportRoom, async ({ path, body, requester }) => {
      rateLimits.take('report', requester.userId);
      await reports.ofRoom({ reporter: requester.userId, roomId: parseRoomId(path.roomId), ...body });
      return {};
    }),

    route(reportUser, async ({ path, body, requester }) => {
      rateLimits.take('report', requester.userId);
      await reports.ofUser({ reporter: requester.userId, userId: parseUserId(path.userId), ...body });
      return {};
    }),
  ];
}
