import { TargetFault, UsageFault } from '../faults.ts';
import { HttpConnection } from '../http/http-connection.ts';
import { type JsonAnswer, readJson, refusal, send, textOf } from './call.ts';
import { MatrixUser } from './matrix-user.ts';

const PATH = '/_matrix/client/v3/register';
const DUMMY = 'm.login.dummy';
const REGISTRATION_TOKEN = 'm.login.registration_token';
/** Stages that one registration may take, the first challenge included. */
const MAX_STAGES = 4;

export interface Registrar {
  readonly target: URL;
  readonly connection: HttpConnection;
  /** For servers that ask for one. */
  readonly registrationToken: string | undefined;
}

/**
 * Makes an account by the interactive authentication that the target asks for: nothing, the dummy stage, or a
 * registration token. Throws UsageFault, saying what to configure, when registration is not open.
 */
export async function registerUser(registrar: Registrar, username: string): Promise<MatrixUser> {
  const { connection, target } = registrar;
  const account = { username, password: `bench-password-of-${username}`, initial_device_display_name: 'bench' };
  let authentication: object | undefined;
  for (let stage = 0; stage < MAX_STAGES; stage++) {
    const request = { method: 'POST', path: PATH, body: { ...account, auth: authentication } } as const;
    const response = await send(connection, request);
    if (response.status === 200) {
      const answer = readJson(response);
      return new MatrixUser(textOf(answer, 'user_id'), new HttpConnection(target, textOf(answer, 'access_token')));
    }
    if (response.status === 403) throw closedRegistration(target, readJson(response).error);
    if (response.status !== 401) throw refusal(request, response);
    authentication = nextStage(registrar, readJson(response));
  }
  throw new TargetFault(`${target.origin} asks for ever more stages of registration`);
}

function nextStage({ target, registrationToken }: Registrar, challenge: JsonAnswer): object {
  const { session, flows, completed } = challenge as {
    session?: string;
    flows?: readonly { stages: readonly string[] }[];
    completed?: readonly string[];
  };
  const known = registrationToken === undefined ? [DUMMY] : [DUMMY, REGISTRATION_TOKEN];
  const flow = flows?.find(({ stages }) => stages.every((stage) => known.includes(stage)));
  const type = flow?.stages.find((stage) => completed?.includes(stage) !== true);
  if (type === undefined) throw closedRegistration(target, challenge.error);
  return { type, session, ...(type === REGISTRATION_TOKEN ? { token: registrationToken } : {}) };
}

function closedRegistration(target: URL, said: unknown): UsageFault {
  const reason = typeof said === 'string' ? ` (${said})` : '';
  return new UsageFault(
    `${target.origin} does not let the bench register${reason}. Open registration there ` +
      '(Limpet: registration: { mode: open }), or give --registration-token',
  );
}
