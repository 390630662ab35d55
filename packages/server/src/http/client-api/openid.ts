import { requestOpenIdToken } from '@limpet/protocol/endpoints/client/openid';
import { OPENID_TOKEN_LIFETIME_MS } from '../../services/accounts/openid-tokens.ts';
import { type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { ownUserId } from './own-user-id.ts';

/** Specification: client-server API, "OpenID". */
export function openIdRoutes({ accounts, serverName }: AccountServices): Route[] {
  return [
    route(requestOpenIdToken, async ({ path, requester }) => ({
      access_token: await accounts.openIdTokens.issue(ownUserId(path, requester)),
      token_type: 'Bearer',
      matrix_server_name: serverName,
      expires_in: Math.floor(OPENID_TOKEN_LIFETIME_MS / 1_000),
    })),
  ];
}
