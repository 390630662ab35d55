import { getRtcTransports } from '@limpet/protocol/endpoints/client/rtc';
import type { JsonObject } from '@limpet/protocol/json';
import type { Config } from '../../config.ts';
import { type Route, route } from '../route.ts';

/** What calls need of the server besides events. Specification: MSC4143, "MatrixRTC". */
export function rtcRoutes(config: Pick<Config, 'rtc'>): Route[] {
  const transports = rtcTransportsOf(config);
  // The one name is the proposal's, the other that of an earlier draft; clients of both are about.
  return [route(getRtcTransports, () => ({ rtc_transports: transports, transports }))];
}

/** The configured transports as clients read them. */
export function rtcTransportsOf({ rtc }: Pick<Config, 'rtc'>): JsonObject[] {
  return rtc.transports.map(({ type, livekitServiceUrl }) => ({
    type,
    ...(livekitServiceUrl === undefined ? {} : { livekit_service_url: livekitServiceUrl }),
  }));
}
