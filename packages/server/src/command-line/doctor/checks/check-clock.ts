import { DnsFailure } from '../../../platform/dns.ts';
import { OutboundFailure } from '../../../platform/outbound-http.ts';
import type { DoctorParts } from '../doctor-parts.ts';
import { type Finding, good, note, problem } from '../finding.ts';
import { askJson } from './ask-json.ts';

/**
 * A sticky event ends by its sender's clock where that is behind: seconds lost of what may live for seconds. Answers
 * tell the time in whole seconds.
 */
const MAX_SKEW_MS = 5_000;
const MAX_SERVERS = 10;

/** Whether this machine's clock agrees with those of the servers it knows, by the `Date` of their answers. */
export async function checkClock(parts: DoctorParts): Promise<readonly Finding[]> {
  const { config, examination, servers } = parts;
  if (!config.federation.enabled) {
    return [];
  }
  const known = 'fault' in examination ? [] : examination.servers;
  const asked = [...new Set([...servers, ...known])].slice(0, MAX_SERVERS);
  const skews = (await Promise.all(asked.map((server) => skewOf(parts, server)))).flatMap((skew) => skew ?? []);
  if (skews.length === 0) {
    const text = 'There is no other server that tells the time, so the clock was compared with none.';
    return [note('clock', text, 'Name one: "limpet doctor --server matrix.org".')];
  }
  return skewFindings(skews);
}

interface Skew {
  readonly server: string;
  /** How far its clock is ahead of ours. */
  readonly aheadMs: number;
}

/** Where most agree that ours is off, it is; else those that differ are. */
function skewFindings(skews: readonly Skew[]): readonly Finding[] {
  const sorted = skews.map(({ aheadMs }) => aheadMs).sort((one, other) => one - other);
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  if (Math.abs(median) > MAX_SKEW_MS) {
    const direction = median > 0 ? 'behind' : 'ahead of';
    const text = `The clock of this machine is ${seconds(median)} s ${direction} ${whose(skews)}.`;
    return [problem('clock', text, 'Let the clock be set over the network (NTP): sticky events end by it.')];
  }
  const strays = skews.filter(({ aheadMs }) => Math.abs(aheadMs) > MAX_SKEW_MS);
  return [
    good('clock', `The clock agrees with ${whose(skews)}.`),
    ...strays.map(({ server, aheadMs }) =>
      note('clock', `The clock of ${server} is ${seconds(aheadMs)} s ${aheadMs > 0 ? 'ahead' : 'behind'}.`),
    ),
  ];
}

function whose(skews: readonly Skew[]): string {
  return skews.length === 1 ? `that of ${skews[0]?.server}` : `those of most of ${skews.length} servers`;
}

function seconds(durationMs: number): number {
  return Math.round(Math.abs(durationMs) / 1000);
}

/** `undefined` where the server does not answer, or does not tell. */
async function skewOf({ routes, outboundHttp, clock }: DoctorParts, server: string): Promise<Skew | undefined> {
  try {
    const [route] = await routes.find(server);
    if (route === undefined) {
      return undefined;
    }
    const begunMs = clock.monotonicMs();
    const reply = await askJson(outboundHttp, `${route.origin}/_matrix/federation/v1/version`, route.host);
    if (reply instanceof OutboundFailure) {
      return undefined;
    }
    const wayMs = (clock.monotonicMs() - begunMs) / 2;
    const theirMs = Date.parse(reply.headers.date ?? '');
    // The Date is cut to the second: in the middle of it is the best guess.
    return Number.isNaN(theirMs) ? undefined : { server, aheadMs: theirMs + HALF_SECOND_MS - (clock.nowMs() - wayMs) };
  } catch (error) {
    if (error instanceof DnsFailure) return undefined;
    throw error;
  }
}

const HALF_SECOND_MS = 500;
