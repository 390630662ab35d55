import { PASSWORD, protectedByPassword } from '../../services/accounts/authentication-stages.ts';
import type { Authorization, ProtectedBody } from '../../services/accounts/user-interactive-authentication.ts';
import type { Requester } from '../authenticate.ts';
import type { AccountServices } from './account-services.ts';

/** Lets a request through once the user gave the password again; guesses count against the same limit as logins. */
export function authorizeByPassword<Body extends ProtectedBody>(
  { accounts, rateLimits }: Pick<AccountServices, 'accounts' | 'rateLimits'>,
  request: { readonly requester: Requester; readonly body: Body },
  operation: {
    readonly name: string;
    readonly purpose: string;
    readonly validate?: (parameters: Omit<Body, 'auth'>) => void;
  },
): Promise<Authorization<Omit<Body, 'auth'>>> {
  const { userId } = request.requester;
  if (request.body.auth?.type === PASSWORD) rateLimits.take('loginToAccount', userId);
  const guarded = protectedByPassword<Omit<Body, 'auth'>>(accounts.users, { ...operation, userId });
  return accounts.interactiveAuthentication.authorize(guarded, request.body);
}
