import { queryAnything, queryDirectory, queryProfile } from '@limpet/protocol/endpoints/federation/queries';
import { parseRoomAlias, parseUserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { LookUps } from '../../services/federation-inbound/resident/look-ups.ts';
import { type Route, route } from '../route.ts';

/** Specification: server-server API, "Querying for information". */
export function queryRoutes({ lookUps }: { readonly lookUps: LookUps }): Route[] {
  return [
    route(queryProfile, ({ query }) => lookUps.profile(parseUserId(query.user_id), query.field)),

    route(queryDirectory, ({ query }) => lookUps.alias(parseRoomAlias(query.room_alias))),

    route(queryAnything, ({ path }) => {
      throw new MatrixError('M_NOT_FOUND', `There is no query ${JSON.stringify(path.queryType)} here.`);
    }),
  ];
}
