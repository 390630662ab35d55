import type { JsonObject } from '@limpet/protocol/json';
import { DnsFailure } from '../../../platform/dns.ts';
import { OutboundFailure } from '../../../platform/outbound-http.ts';
import { readKeyResponse } from '../../../services/remote-servers/read-key-response.ts';
import type { ServerRoute } from '../../../services/remote-servers/server-routes.ts';
import type { DoctorParts } from '../doctor-parts.ts';
import { type Finding, good, problem } from '../finding.ts';
import { askJson, type JsonReply } from './ask-json.ts';

/** Whether other servers find this one where they look for it, with its right key. */
export async function checkPublication(parts: DoctorParts): Promise<readonly Finding[]> {
  const { config, routes, isRunning, examination, clock } = parts;
  if (!config.federation.enabled || !isRunning || 'fault' in examination) {
    return [];
  }
  let found: readonly ServerRoute[];
  try {
    found = await routes.find(config.serverName);
  } catch (error) {
    if (!(error instanceof DnsFailure)) throw error;
    return [problem('discovery', `${error.message}.`, 'Look into the DNS records of the name, and of this machine.')];
  }
  let failure: Finding | undefined;
  for (const route of found) {
    const reply = await askJson(parts.outboundHttp, `${route.origin}/_matrix/key/v2/server`, route.host);
    if (!(reply instanceof OutboundFailure)) {
      const reached = good('discovery', `Other servers reach ${config.serverName} at ${route.origin}.`);
      return [
        reached,
        keyFinding(reply, route, { ...examination, serverName: config.serverName, nowMs: clock.nowMs() }),
      ];
    }
    failure ??= unreached(reply, route);
  }
  return failure === undefined ? [] : [failure];
}

function unreached({ kind, message }: OutboundFailure, { origin, host }: ServerRoute): Finding {
  const text = `Other servers cannot reach this one at ${origin}: ${message}.`;
  switch (kind) {
    case 'tls':
      return problem('discovery', text, `Show a certificate of a public authority for ${host} there, with its chain.`);
    case 'forbidden-address':
      return problem(
        'discovery',
        text,
        'Let the name lead to a public address; in a closed network set "federation.allow_private_addresses".',
      );
    case 'not-http':
    case 'too-large':
      return problem('discovery', text, 'Something else answers there: point the name, or the proxy, at this server.');
    default:
      return problem('discovery', text, 'Open the port in the firewall, or correct the DNS record or the delegation.');
  }
}

interface OwnKey {
  readonly keyDocument: JsonObject;
  readonly serverName: string;
  readonly nowMs: number;
}

function keyFinding(reply: JsonReply, { origin }: ServerRoute, { keyDocument, serverName, nowMs }: OwnKey): Finding {
  const url = `${origin}/_matrix/key/v2/server`;
  if (reply.status !== 200) {
    const text = `${url} is answered with status ${reply.status}.`;
    return problem('key', text, 'Let the proxy pass on everything below /_matrix/key/ and /_matrix/federation/.');
  }
  const response = readKeyResponse(reply.json, serverName);
  if (typeof response === 'string') {
    return problem('key', `${url} is no good answer: ${response}.`, ANOTHER_SERVER);
  }
  if (response.validUntilTs < nowMs) {
    const text = `The key at ${url} is one that nobody believes any more.`;
    return problem('key', text, 'Let no cache keep the answer, and set the clock of this machine.');
  }
  const own = Object.entries(keyDocument.verify_keys as Record<string, { key: string }>);
  if (!own.every(([keyId, { key }]) => response.verifyKeys.get(keyId) === key)) {
    return problem('key', `${url} has another key than this server signs with.`, ANOTHER_SERVER);
  }
  return good('key', `The signing key ${own.map(([keyId]) => keyId).join(', ')} is published.`);
}

const ANOTHER_SERVER =
  'Another server with this name answers there, or a cache does: point the name at this one, and keep its signing.key.';
