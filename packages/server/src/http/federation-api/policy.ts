import { signByPolicy } from '@limpet/protocol/endpoints/federation/policy';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { type Route, route } from '../route.ts';

/** What a server answers that is no policy server. Specification: server-server API, `POST /_matrix/policy/v1/sign`. */
export function policyRoutes(): Route[] {
  return [
    route(signByPolicy, () => {
      throw new MatrixError('M_UNRECOGNIZED', 'This server is no policy server.');
    }),
  ];
}
