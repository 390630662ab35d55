import { asUserId, type ServerName, serverNameOf } from '@limpet/protocol/identifiers';

/** What a request says of many users, those of this server apart. Who has no valid user ID is left out. */
export interface SplitByServer<Value> {
  readonly local: readonly (readonly [userId: string, value: Value])[];
  /** By server name, for federation. */
  readonly remote: ReadonlyMap<ServerName, readonly (readonly [userId: string, value: Value])[]>;
}

export function splitByServer<Value>(
  byUser: Readonly<Record<string, Value>>,
  ownName: ServerName,
): SplitByServer<Value> {
  const local: [string, Value][] = [];
  const remote = new Map<ServerName, [string, Value][]>();
  for (const [text, value] of Object.entries(byUser)) {
    const userId = asUserId(text);
    if (userId === undefined) continue;
    const server = serverNameOf(userId);
    if (server === ownName) local.push([userId, value]);
    else {
      const ofServer = remote.get(server);
      if (ofServer === undefined) remote.set(server, [[userId, value]]);
      else ofServer.push([userId, value]);
    }
  }
  return { local, remote };
}
