import { getTurnServer } from '@limpet/protocol/endpoints/client/turn-server';
import type { Clock } from '../../platform/clock.ts';
import { type TurnSettings, turnCredentials } from '../../services/accounts/turn-credentials.ts';
import { type Route, route } from '../route.ts';

/** Specification: client-server API, "Voice over IP". */
export function turnServerRoutes({ turn, clock }: { readonly turn: TurnSettings; readonly clock: Clock }): Route[] {
  return [route(getTurnServer, ({ requester }) => turnCredentials(turn, requester.userId, clock.nowMs()))];
}
