import { isJsonObject } from '@limpet/protocol/json';
import {
  type RemoteRequest,
  RemoteServerError,
  type RemoteServers,
} from '../../src/services/remote-servers/remote-servers.ts';
import type { FakeResident } from './fake-resident.ts';

/** Other servers without any network: requests go to these, and nobody else can be reached. */
export function fakeRemoteServers(residents: readonly FakeResident[]): RemoteServers {
  return {
    async request(destination, { method, path, query, body }) {
      const resident = residents.find(({ serverName }) => serverName === destination);
      if (resident === undefined) throw new RemoteServerError(destination, 'unreachable', 'Nobody is there.');
      const sent = typeof body === 'string' ? JSON.parse(body) : body;
      const answer = await resident.answer(method, `${path}${queryText(query)}`, sent);
      if (answer.text !== undefined) throw new RemoteServerError(destination, 'bad-answer', 'That is no JSON.');
      if (answer.status === 200) return answer.body;
      const details = { status: answer.status, body: isJsonObject(answer.body) ? answer.body : {} };
      throw new RemoteServerError(destination, 'refused', `Status ${answer.status}`, details);
    },
    keys: {
      async find(wanted) {
        return wanted.map(({ serverName, keyId }) => {
          const key = residents.map((resident) => resident.keyOf(serverName)).find((one) => one !== undefined);
          return key?.keyId === keyId ? key.publicKey : undefined;
        });
      },
    },
  };
}

function queryText(query: RemoteRequest['query'] = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) parameters.append(name, one);
  }
  return `?${parameters}`;
}
