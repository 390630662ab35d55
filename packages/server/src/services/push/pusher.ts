import type { JsonObject } from '@limpet/protocol/json';
import type { PusherRow } from '../../storage/queries/pushers.ts';

/** Where notifications of a user go. Specification: client-server API, "Push Notifications". */
export interface Pusher {
  readonly nid: number;
  readonly userId: string;
  readonly appId: string;
  readonly pushkey: string;
  readonly url: string;
  /** As it was set, and stands in the table. */
  readonly json: string;
  /** `data` of the pusher without its `url`: the gateway gets it. */
  readonly data: JsonObject;
  /** Our clock when it was set last. Milliseconds. */
  readonly setTs: number;
  /** What stands up to here in the stream was sent, or was not to be. */
  readonly donePosition: number;
  /** The unread count that the gateway was told last. */
  readonly badge: number;
  /** How often in a row its gateway failed, and when it is tried again by the wall clock. */
  readonly failures: number;
  readonly nextTryMs: number;
}

export function readPusher(row: PusherRow): Pusher {
  const { data } = JSON.parse(row.json) as { data: JsonObject };
  const { url, ...others } = data;
  return {
    nid: row.pusher_nid,
    userId: row.user_id,
    appId: row.app_id,
    pushkey: row.pushkey,
    url: String(url),
    json: row.json,
    data: others,
    setTs: row.set_ts,
    donePosition: row.done_position,
    badge: row.badge,
    failures: row.failures,
    nextTryMs: row.next_try_ms,
  };
}
