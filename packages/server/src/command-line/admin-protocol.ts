import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { Type } from 'typebox';
import { schemaCheck } from '../http/check-schema.ts';
import type { Log } from '../platform/log.ts';
import type { AdminCommands } from './admin-commands.ts';
import type { ServerExamination } from './server-examination.ts';

/**
 * How the command line speaks with the running server: one JSON text asks, one answers. Positions and caches belong to
 * the running process alone, so it has to do what the operator asks for. An empty text only asks whether somebody is
 * there.
 */
export async function answerAdminRequest(commands: AdminCommands, text: string, log: Log): Promise<string> {
  if (text === '') {
    return '{}';
  }
  try {
    const { command, parameters } = checkRequest(JSON.parse(text));
    return JSON.stringify({ result: await run(commands, command, parameters) });
  } catch (error) {
    if (error instanceof MatrixError) {
      return JSON.stringify({ error: error.message });
    }
    log.error('A command of the operator failed', { error });
    return JSON.stringify({ error: 'The server could not do it. Its log has the details.' });
  }
}

/** The commands of a server that `call` carries a request to. */
export function remoteAdminCommands(call: (request: string) => Promise<string>): AdminCommands {
  async function ask<T>(command: keyof AdminCommands, parameters: object): Promise<T> {
    const answer = answerIn(await call(JSON.stringify({ command, parameters })));
    if (isJsonObject(answer) && isJsonObject(answer.result)) {
      // Both ends are the same program.
      return answer.result as T;
    }
    const error = isJsonObject(answer) ? answer.error : undefined;
    throw new MatrixError('M_UNKNOWN', typeof error === 'string' ? error : 'The running server gave no answer.');
  }

  return {
    createUser: (parameters) => ask('createUser', parameters),
    listUsers: (parameters) => ask('listUsers', parameters),
    resetPassword: (parameters) => ask('resetPassword', parameters),
    deactivateUser: (parameters) => ask('deactivateUser', parameters),
    restrictUser: (parameters) => ask('restrictUser', parameters),
    federationStatus: (parameters) => ask('federationStatus', parameters),
    retryDestination: (parameters) => ask('retryDestination', parameters),
    listReports: (parameters) => ask('listReports', parameters),
    examine: (parameters) => ask('examine', parameters),
  };
}

function examined({ servers, unreached, ...others }: ServerExamination): JsonObject {
  return { ...others, servers: [...servers], unreached: unreached.map((server) => ({ ...server })) };
}

function answerIn(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const checkRequest = schemaCheck(
  Type.Object({ command: Type.String(), parameters: Type.Record(Type.String(), Type.Unknown()) }),
  'body',
);
const checkCreateUser = schemaCheck(
  Type.Object({ name: Type.String(), password: Type.String(), isAdmin: Type.Boolean() }),
  'body',
);
const checkResetPassword = schemaCheck(
  Type.Object({ name: Type.String(), password: Type.String(), keepsSessions: Type.Boolean() }),
  'body',
);
const checkDeactivateUser = schemaCheck(Type.Object({ name: Type.String(), erase: Type.Boolean() }), 'body');
const checkRestrictUser = schemaCheck(
  Type.Object({
    name: Type.String(),
    restriction: Type.Union([Type.Literal('locked'), Type.Literal('suspended')]),
    isRestricted: Type.Boolean(),
  }),
  'body',
);
const checkStatus = schemaCheck(Type.Object({ destination: Type.Optional(Type.String()) }), 'body');
const checkRetry = schemaCheck(Type.Object({ destination: Type.String() }), 'body');

async function run(commands: AdminCommands, command: string, parameters: object): Promise<JsonObject> {
  switch (command) {
    case 'createUser':
      return commands.createUser(checkCreateUser(parameters));
    case 'listUsers':
      return { users: (await commands.listUsers({})).users.map((user) => ({ ...user })) };
    case 'resetPassword':
      return commands.resetPassword(checkResetPassword(parameters));
    case 'deactivateUser':
      return commands.deactivateUser(checkDeactivateUser(parameters));
    case 'restrictUser':
      return commands.restrictUser(checkRestrictUser(parameters));
    case 'examine':
      return examined(await commands.examine({}));
    case 'federationStatus':
      // Through JSON, which leaves out what is undefined.
      return JSON.parse(JSON.stringify(await commands.federationStatus(checkStatus(parameters))));
    case 'listReports':
      return JSON.parse(JSON.stringify(await commands.listReports({})));
    case 'retryDestination':
      return commands.retryDestination(checkRetry(parameters));
    default:
      throw new MatrixError(
        'M_UNRECOGNIZED',
        'The running server does not know this command. Is it of another version?',
      );
  }
}
