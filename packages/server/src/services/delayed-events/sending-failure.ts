import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { StaleBatch, StorageFailure } from '../../storage/storage.ts';
import { isOutdated } from '../rooms/room-actor.ts';

/** How often what looks like a fault of ours is tried; a database that cannot is tried as often as it takes. */
const MAX_FAULTS = 8;
/** How often what another server, or a busy room, is to blame for is tried: for most of a day. */
const MAX_PUT_OFF = 1_000;

export type SendingFailure =
  /** The room does not take the event, and will not. */
  | { readonly kind: 'refused'; readonly error: MatrixError }
  /** It could not be done now. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly retryAfterMs: number | undefined };

/** What it means that a delayed event could not be sent, for the time after `failures` others. */
export function readSendingFailure(error: unknown, failures: number): SendingFailure {
  if (error instanceof MatrixError) {
    const passes = error.errcode === 'M_LIMIT_EXCEEDED' || error.status >= 500;
    return passes && failures < MAX_PUT_OFF
      ? { kind: 'failed', error, retryAfterMs: retryAfterMsOf(error) }
      : { kind: 'refused', error };
  }
  if (!passesByItself(error) && failures >= MAX_FAULTS) {
    const text = 'The server made a mistake when it sent this event, again and again. Its log has the details.';
    return { kind: 'refused', error: new MatrixError('M_UNKNOWN', text, { status: 500 }) };
  }
  return { kind: 'failed', error, retryAfterMs: undefined };
}

/** The standard error response that is kept for the owner of an event that was refused. */
export function errorBodyOf({ errcode, message, extra }: MatrixError): JsonObject {
  return { errcode, error: message, ...extra };
}

function passesByItself(error: unknown): boolean {
  return error instanceof StorageFailure || error instanceof StaleBatch || isOutdated(error);
}

function retryAfterMsOf({ extra }: MatrixError): number | undefined {
  const { retry_after_ms: retryAfterMs } = extra;
  return typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : undefined;
}
