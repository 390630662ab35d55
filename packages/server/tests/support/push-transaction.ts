import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { signedTextOfRequest } from '@limpet/protocol/signed-request';
import { type SigningKey, signText } from '@limpet/protocol/signing';
import { formatXMatrix } from '@limpet/protocol/x-matrix';
import type { Method, TestResponse, TestServer } from './test-server.ts';

/** Another server, as far as it signs what it sends. */
export interface Signer {
  readonly serverName: string;
  readonly key: SigningKey;
}

let transactions = 0;

/** Pushes a transaction as the other server would. Its ID is new unless it is given. */
export function pushTransaction(
  server: TestServer,
  from: Signer,
  { pdus = [], edus = [], txnId }: { pdus?: readonly JsonValue[]; edus?: readonly JsonValue[]; txnId?: string },
): Promise<TestResponse> {
  transactions++;
  const path = `/_matrix/federation/v1/send/${txnId ?? `t${transactions}`}`;
  return signedRequest(server, from, {
    method: 'PUT',
    path,
    body: { origin: from.serverName, pdus: [...pdus], edus: [...edus] },
  });
}

/** Asks the server something, signed by another one. */
export function signedRequest(
  server: TestServer,
  { serverName: origin, key }: Signer,
  { method, path, body }: { method: Method; path: string; body?: JsonObject },
): Promise<TestResponse> {
  const destination = String(server.server.services.remoteServers.ownKeys.document().server_name);
  const content = body === undefined ? undefined : encodeCanonicalJson(body);
  const text = signedTextOfRequest({ method, uri: path, origin, destination, content });
  const signature = signText(text, key);
  const authorization = formatXMatrix({ origin, destination, key: key.keyId, signature });
  return server.request(method, path, {
    headers: { authorization },
    ...(content === undefined ? {} : { body: content }),
  });
}
