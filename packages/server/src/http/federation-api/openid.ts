import { getOpenIdUser } from '@limpet/protocol/endpoints/federation/openid';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { OpenIdTokens } from '../../services/accounts/openid-tokens.ts';
import { type Route, route } from '../route.ts';

/** Specification: server-server API, "OpenID". */
export function openIdUserRoutes({ openIdTokens }: { readonly openIdTokens: OpenIdTokens }): Route[] {
  return [
    route(getOpenIdUser, async ({ query }) => {
      const userId = await openIdTokens.userOf(query.access_token);
      if (userId === undefined) {
        throw new MatrixError('M_UNKNOWN_TOKEN', 'This OpenID token is not known here, or has expired.');
      }
      return { sub: userId };
    }),
  ];
}
