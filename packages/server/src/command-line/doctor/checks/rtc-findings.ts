import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { OutboundFailure } from '../../../platform/outbound-http.ts';
import type { DoctorParts } from '../doctor-parts.ts';
import { type Finding, good, note, problem } from '../finding.ts';
import { askJson } from './ask-json.ts';

/** Where clients find what carries calls (MSC4143). */
const KEY = 'org.matrix.msc4143.rtc_foci';
/** More than this nobody offers. */
const MAX_TRANSPORTS = 10;

/** Whether what carries calls answers, as far as the client's well-known document offers any. */
export async function rtcFindings(
  { outboundHttp }: DoctorParts,
  document: JsonObject | undefined,
): Promise<readonly Finding[]> {
  const offered = document?.[KEY];
  if (offered === undefined) {
    return [note('rtc', `No RTC transports are configured: clients are offered no "${KEY}".`)];
  }
  const urls = (Array.isArray(offered) ? offered : []).map((transport) =>
    isJsonObject(transport) ? transport.livekit_service_url : undefined,
  );
  if (urls.length === 0) {
    return [problem('rtc', `"${KEY}" is no list of transports.`, 'Correct it, or remove it.')];
  }
  return Promise.all(
    urls.slice(0, MAX_TRANSPORTS).map(async (url) => {
      if (typeof url !== 'string' || !URL.canParse(url)) {
        return note('rtc', 'An RTC transport has no "livekit_service_url", so whether it answers cannot be seen.');
      }
      const reply = await askJson(outboundHttp, url);
      if (reply instanceof OutboundFailure) {
        const text = `The RTC transport ${url} cannot be reached: ${reply.message}.`;
        return problem('rtc', text, 'Start the service, or correct its URL and its proxy.');
      }
      // It has nothing to say at its root: any answer that is not a proxy's complaint will do.
      return reply.status >= 500
        ? problem('rtc', `The RTC transport ${url} answers with status ${reply.status}.`, 'Look into its log.')
        : good('rtc', `The RTC transport ${url} answers.`);
    }),
  );
}
