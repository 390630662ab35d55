import { OutboundFailure } from '../../../platform/outbound-http.ts';
import type { DoctorParts } from '../doctor-parts.ts';
import { type Finding, good, note, problem } from '../finding.ts';
import { askJson } from './ask-json.ts';
import { saysWhereItIs } from './hostname.ts';

/** What `/.well-known/matrix/server` says. Specification: server-server API, "Resolving server names". */
export async function checkServerDiscovery({ config, outboundHttp }: DoctorParts): Promise<readonly Finding[]> {
  const { serverName, federation } = config;
  if (!federation.enabled) {
    return [];
  }
  if (saysWhereItIs(serverName)) {
    return [good('discovery', `The name ${serverName} says itself where the server is.`)];
  }
  const url = `https://${serverName}/.well-known/matrix/server`;
  const reply = await askJson(outboundHttp, url);
  if (reply instanceof OutboundFailure) {
    return [note('discovery', `${url} gives no answer (${reply.message}); ${LAST_RESORT}.`)];
  }
  if (reply.status === 404) {
    return [note('discovery', `${url} is not there; ${LAST_RESORT}.`)];
  }
  const target = reply.json?.['m.server'];
  if (reply.status !== 200 || typeof target !== 'string' || !SERVER_NAME.test(target)) {
    return [
      problem(
        'discovery',
        `${url} is answered with status ${reply.status}, and not with {"m.server": "NAME:PORT"}.`,
        'Correct the answer, or remove it: others then take a DNS record or port 8448.',
      ),
    ];
  }
  return [good('discovery', `${url} sends other servers to ${target}.`)];
}

const LAST_RESORT = 'other servers take the DNS record _matrix-fed._tcp if there is one, else port 8448';

const SERVER_NAME = /^(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z.-]+)(:\d{1,5})?$/;
