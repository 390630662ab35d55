import {
  getDelayedEvent,
  listDelayedEvents,
  listDelayedEventsUnstable,
  manageDelayedEvent,
  manageDelayedEventByBody,
  manageDelayedEventUnstable,
  scheduleDelayedEvent,
  scheduleDelayedEventUnstable,
} from '@limpet/protocol/endpoints/client/delayed-events';
import { parseRoomId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Config } from '../../config.ts';
import type { DelayedEventStatus, DelayedEventsWanted } from '../../services/delayed-events/delayed-event-list.ts';
import type { DelayedEventAction } from '../../services/delayed-events/delayed-event-state.ts';
import type { DelayedEvents, Manager } from '../../services/delayed-events/delayed-events.ts';
import type { EndpointRequest, RequestContext } from '../route.ts';
import { type Route, route } from '../route.ts';
import { presentByStatus, presentDelayedEvent, presentDelayedEvents } from './present-delayed-event.ts';
import type { RoomWritingServices } from './room-writing-services.ts';
import { stickyFieldOf } from './sticky-parameter.ts';

export interface DelayedEventServices extends Pick<RoomWritingServices, 'rateLimits' | 'stickyEvents'> {
  readonly delayedEvents: DelayedEvents;
  readonly settings: Pick<Config['delayedEvents'], 'manageWithoutToken'>;
}

/** Specification: MSC4140, "Cancellable delayed events". The form with a query parameter is among those of sending. */
export function delayedEventRoutes(services: DelayedEventServices): Route[] {
  const { delayedEvents, rateLimits } = services;
  return [
    route(scheduleDelayedEvent, (request) => schedule(request, { isStable: true }, services)),
    route(scheduleDelayedEventUnstable, (request) => schedule(request, { isStable: false }, services)),
    route(manageDelayedEvent, (request) => manage(request.path, { ...request, isStable: true }, services)),
    route(manageDelayedEventUnstable, (request) => manage(request.path, { ...request, isStable: false }, services)),
    route(manageDelayedEventByBody, (request) =>
      manage({ ...request.path, ...request.body }, { ...request, isStable: false }, services),
    ),
    route(getDelayedEvent, async ({ path, requester }) => {
      rateLimits.take('manageDelayedEvent', requester.userId);
      return presentDelayedEvent(await delayedEvents.find(path.delayId, requester.userId));
    }),
    route(listDelayedEvents, async ({ query, requester }) => {
      rateLimits.take('manageDelayedEvent', requester.userId);
      const page = await delayedEvents.list(wantedOf(query, requester));
      return presentDelayedEvents(page);
    }),
    route(listDelayedEventsUnstable, async ({ query, requester }) => {
      rateLimits.take('manageDelayedEvent', requester.userId);
      const page = await delayedEvents.list(wantedOf(query, requester));
      return { ...presentDelayedEvents(page), ...presentByStatus(page, query.status) };
    }),
  ];
}

type ListQuery = EndpointRequest<typeof listDelayedEventsUnstable>['query'];

function wantedOf(query: ListQuery, { userId }: { userId: string }): DelayedEventsWanted {
  return {
    userId,
    direction: query.dir === 'b' ? 'backwards' : 'forwards',
    from: query.from,
    fromTs: query.from_ts,
    toTs: query.to_ts,
    roomId: query.room_id,
    type: query.type,
    statuses: STATUSES[query.status ?? 'any'] ?? [],
    delayIds: query.delay_id,
  };
}

const FINALISED: readonly DelayedEventStatus[] = ['sent', 'cancelled', 'failed'];

const STATUSES: Readonly<Record<string, readonly DelayedEventStatus[]>> = {
  scheduled: ['scheduled'],
  sent: ['sent'],
  cancelled: ['cancelled'],
  failed: ['failed'],
  finalised: FINALISED,
  any: ['scheduled', ...FINALISED],
};

async function schedule(
  { path, query, body, requester }: EndpointRequest<typeof scheduleDelayedEvent>,
  { isStable }: { isStable: boolean },
  { delayedEvents, rateLimits, stickyEvents }: DelayedEventServices,
): Promise<JsonObject> {
  const roomId = parseRoomId(path.roomId);
  const { eventType: type, txnId: id } = path;
  const delayMs = body.delay_ms ?? body.delay;
  if (delayMs === undefined) throw new MatrixError('M_MISSING_PARAM', 'The body needs "delay_ms".');
  const { maxDelayMs } = delayedEvents.limits;
  if (delayMs > maxDelayMs) throw delayTooLong(maxDelayMs, isStable);
  const extraTopLevel = stickyFieldOf(query, stickyEvents);
  const { userId, deviceId } = requester;
  rateLimits.take('delayedEvent', userId);
  const event = { roomId, type, stateKey: body.state_key, content: body.content, extraTopLevel, delayMs };
  const transaction = { scope: `delayed_event/${roomId}/${type}`, id };
  return { delay_id: await delayedEvents.schedule({ ...event, userId, deviceId, transaction }) };
}

interface ManagementRequest extends Pick<RequestContext<typeof manageDelayedEvent>, 'requester' | 'clientNetwork'> {
  readonly isStable: boolean;
}

async function manage(
  { delayId, action }: { delayId: string; action: DelayedEventAction },
  { requester, clientNetwork, isStable }: ManagementRequest,
  { delayedEvents, rateLimits, settings }: DelayedEventServices,
): Promise<JsonObject> {
  const manager: Manager | undefined = settings.manageWithoutToken ? 'bearer' : requester;
  if (manager === undefined) {
    const text = 'Managing delayed events needs the access token of their owner: "Authorization: Bearer TOKEN".';
    throw new MatrixError('M_MISSING_TOKEN', text);
  }
  const limited = requester?.userId ?? clientNetwork;
  rateLimits.take('manageDelayedEvent', limited);
  if (action === 'send') rateLimits.take('sendDelayedEvent', limited);
  const outcome = await delayedEvents.act(delayId, action, manager);
  if (outcome === 'conflict') throw alreadyFinalised(action, isStable);
  return {};
}

/** Clients of the older drafts make a new delayed event when there is none, and give up on anything else. */
function alreadyFinalised(action: DelayedEventAction, isStable: boolean): MatrixError {
  const text = `The delayed event was finalised already, so there is nothing to ${action}. Schedule a new one.`;
  if (isStable || action === 'send') return new MatrixError('M_UNKNOWN', text, { status: 409 });
  return new MatrixError('M_NOT_FOUND', text);
}

function delayTooLong(maxDelayMs: number, isStable: boolean): MatrixError {
  const text = `The delay may be ${maxDelayMs} ms at most.`;
  if (isStable) {
    return new MatrixError('M_MAX_DELAY_EXCEEDED', text, {
      extra: { max_delay: maxDelayMs, max_delay_ms: maxDelayMs },
    });
  }
  return new MatrixError('ORG.MATRIX.MSC4140_MAX_DELAY_EXCEEDED', text, {
    extra: { 'org.matrix.msc4140.errcode': 'M_MAX_DELAY_EXCEEDED', 'org.matrix.msc4140.max_delay': maxDelayMs },
  });
}
