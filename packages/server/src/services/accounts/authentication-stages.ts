import type { UserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { readUserIdentifier } from './read-user-identifier.ts';
import type { RegistrationTokens } from './registration-tokens.ts';
import type { ProtectedOperation, StageCheck } from './user-interactive-authentication.ts';
import type { Users } from './users.ts';

/** The authentication types that we know. Specification: client-server API, "Authentication types". */
export const DUMMY = 'm.login.dummy';
export const PASSWORD = 'm.login.password';
/** A way to log in alone, and no stage. */
export const LOGIN_TOKEN = 'm.login.token';
export const REGISTRATION_TOKEN = 'm.login.registration_token';

/** Always passes: it is there so that a flow may have nothing to do. */
export const dummyStage: StageCheck = async () => ({ isPassed: true });

/** The password of the one who asks; somebody else's does not do. */
function passwordStage(users: Users, userId: UserId): StageCheck {
  return async (auth) => {
    const named = readUserIdentifier(auth, users);
    const isRight = await isPasswordOf(users, userId, auth);
    return named === userId && isRight
      ? { isPassed: true }
      : { isPassed: false, errcode: 'M_FORBIDDEN', reason: 'This is not your user name with your password.' };
  };
}

async function isPasswordOf(users: Users, userId: UserId, auth: JsonObject): Promise<boolean> {
  return typeof auth.password === 'string' && (await users.verifyPassword(userId, auth.password)) !== undefined;
}

/** A registration token that has uses left. One is used up when the account is created, not here. */
export function registrationTokenStage(tokens: RegistrationTokens): StageCheck {
  return async ({ token }) =>
    typeof token === 'string' && (await tokens.find(token)) !== undefined
      ? { isPassed: true, evidence: token }
      : {
          isPassed: false,
          errcode: 'M_UNAUTHORIZED',
          reason: 'This registration token is not valid here, or used up.',
        };
}

/** An operation for which a logged-in user has to give the password again. */
export function protectedByPassword<Parameters>(
  users: Users,
  operation: Pick<ProtectedOperation<Parameters>, 'name' | 'purpose' | 'validate'> & { readonly userId: UserId },
): ProtectedOperation<Parameters> {
  return { ...operation, flows: [[PASSWORD]], stages: { [PASSWORD]: passwordStage(users, operation.userId) } };
}
