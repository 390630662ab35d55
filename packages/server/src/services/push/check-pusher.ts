import { isLongerThan } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';

/** Specification: `POST /pushers/set`. */
const MAX_PUSHKEY_BYTES = 512;
const MAX_APP_ID_BYTES = 64;
/** All of it, as JSON. It goes to the gateway with each notification. */
const MAX_PUSHER_BYTES = 16_384;
const GATEWAY_PATH = '/_matrix/push/v1/notify';

/** A pusher as a client sets it; what it left out is not there. */
export interface PusherToSet {
  readonly pushkey: string;
  readonly kind: string;
  readonly app_id: string;
  readonly app_display_name?: string | undefined;
  readonly device_display_name?: string | undefined;
  readonly profile_tag?: string | undefined;
  readonly lang?: string | undefined;
  readonly data?: JsonObject | undefined;
}

/**
 * The pusher as it is kept, as JSON text. `allowsPlainHttp`: gateways in a closed network.
 *
 * @throws MatrixError M_INVALID_PARAM, M_MISSING_PARAM, M_TOO_LARGE
 */
export function checkPusher(pusher: PusherToSet, { allowsPlainHttp }: { allowsPlainHttp: boolean }): string {
  checkPusherKey(pusher);
  const { kind, pushkey, app_id, app_display_name, device_display_name, profile_tag, lang, data } = pusher;
  if (kind === 'email') throw invalid('This server sends no mail, so there are no pushers of the kind "email".');
  if (kind !== 'http') throw invalid('The kind of a pusher is "http", or null to remove it.');
  const needed = { lang, app_display_name, device_display_name, data };
  const missing = Object.entries(needed).flatMap(([name, value]) => (value === undefined ? [`"${name}"`] : []));
  if (missing.length > 0) throw new MatrixError('M_MISSING_PARAM', `The body needs ${missing.join(', ')}.`);
  checkGateway(data?.url, allowsPlainHttp);
  const kept = { pushkey, kind, app_id, app_display_name, device_display_name, profile_tag, lang, data };
  const json = JSON.stringify(kept);
  if (Buffer.byteLength(json) > MAX_PUSHER_BYTES) {
    throw new MatrixError('M_TOO_LARGE', `A pusher may have ${MAX_PUSHER_BYTES} bytes at most.`);
  }
  return json;
}

/** @throws MatrixError M_INVALID_PARAM */
export function checkPusherKey({ pushkey, app_id: appId }: Pick<PusherToSet, 'pushkey' | 'app_id'>): void {
  if (isLongerThan(pushkey, MAX_PUSHKEY_BYTES)) throw invalid(`"pushkey" may have ${MAX_PUSHKEY_BYTES} bytes at most.`);
  if (isLongerThan(appId, MAX_APP_ID_BYTES)) throw invalid(`"app_id" may have ${MAX_APP_ID_BYTES} characters at most.`);
}

function checkGateway(url: unknown, allowsPlainHttp: boolean): void {
  if (url === undefined) throw new MatrixError('M_MISSING_PARAM', 'The body needs "data/url".');
  if (typeof url !== 'string' || !URL.canParse(url)) throw invalid('"url" in "data" must be a URL.');
  const { protocol, pathname, username, password } = new URL(url);
  if (protocol !== 'https:' && !(protocol === 'http:' && allowsPlainHttp)) {
    throw invalid('"url" in "data" must start with https://.');
  }
  if (pathname !== GATEWAY_PATH) throw invalid(`"url" in "data" must have the path ${GATEWAY_PATH}.`);
  if (username !== '' || password !== '') throw invalid('"url" in "data" must not name a user.');
}

function invalid(message: string): MatrixError {
  return new MatrixError('M_INVALID_PARAM', message);
}
