import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { OutboundFailure } from '../../../platform/outbound-http.ts';
import type { DoctorParts } from '../doctor-parts.ts';
import { type Finding, good, note, problem } from '../finding.ts';
import { askJson } from './ask-json.ts';
import { hostnameOf } from './hostname.ts';
import { rtcFindings } from './rtc-findings.ts';

/**
 * How clients find the server, and what they find there for calls. Specification: client-server API, "Well-known URI".
 */
export async function checkClientDiscovery(parts: DoctorParts): Promise<readonly Finding[]> {
  const { publicUrl, serverName } = parts.config;
  if (publicUrl === undefined) {
    return [
      note(
        'clients',
        'The configuration has no "public_url", so clients have to be told the address.',
        'Set "public_url" to the URL that clients use.',
      ),
    ];
  }
  const url = `https://${hostnameOf(serverName)}/.well-known/matrix/client`;
  const reply = await askJson(parts.outboundHttp, url);
  const answered = await answerFinding(parts, publicUrl);
  if (reply instanceof OutboundFailure || reply.status !== 200) {
    const reason = reply instanceof OutboundFailure ? reply.message : `status ${reply.status}`;
    const unfound = note(
      'clients',
      `${url} is not there (${reason}), so clients have to be told the address.`,
      `Serve {"m.homeserver": {"base_url": "${publicUrl}"}} there.`,
    );
    return [unfound, answered, ...(await rtcFindings(parts, await ownDocument(parts, publicUrl)))];
  }
  return [delegationFinding(url, reply.json, publicUrl), answered, ...(await rtcFindings(parts, reply.json))];
}

function delegationFinding(url: string, json: JsonObject | undefined, publicUrl: string): Finding {
  const homeserver = json?.['m.homeserver'];
  const baseUrl = isJsonObject(homeserver) ? homeserver.base_url : undefined;
  if (typeof baseUrl !== 'string') {
    const text = `${url} is no JSON object with the address of a homeserver.`;
    return problem('clients', text, `Serve {"m.homeserver": {"base_url": "${publicUrl}"}} there.`);
  }
  if (withoutSlash(baseUrl) !== withoutSlash(publicUrl)) {
    const text = `${url} sends clients to ${baseUrl}, and "public_url" is ${publicUrl}.`;
    return problem('clients', text, 'Make the two the same.');
  }
  return good('clients', `${url} sends clients to ${publicUrl}.`);
}

async function answerFinding({ outboundHttp, isRunning }: DoctorParts, publicUrl: string): Promise<Finding> {
  const reply = await askJson(outboundHttp, `${withoutSlash(publicUrl)}/_matrix/client/versions`);
  if (!(reply instanceof OutboundFailure) && reply.status === 200 && Array.isArray(reply.json?.versions)) {
    return good('clients', `${publicUrl} answers as a homeserver.`);
  }
  if (!isRunning) {
    return note('clients', `${publicUrl} gives no answer, and the server is not running.`);
  }
  if (!(reply instanceof OutboundFailure)) {
    const text = `${publicUrl} answers with status ${reply.status}, and not as a homeserver.`;
    return problem('clients', text, 'Let the proxy there pass on everything below /_matrix/.');
  }
  const text = `Clients cannot reach ${publicUrl}: ${reply.message}.`;
  return problem('clients', text, 'Correct "public_url", the DNS record, the firewall, or the proxy.');
}

/** The server's own well-known document, where the one of the name is not there. */
async function ownDocument({ outboundHttp }: DoctorParts, publicUrl: string): Promise<JsonObject | undefined> {
  const reply = await askJson(outboundHttp, `${withoutSlash(publicUrl)}/.well-known/matrix/client`);
  return reply instanceof OutboundFailure ? undefined : reply.json;
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
