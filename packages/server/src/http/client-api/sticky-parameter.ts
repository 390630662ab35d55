import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { MAX_STICKY_DURATION_MS } from '@limpet/sticky/sticky-duration';
import { STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES } from '@limpet/sticky/sticky-names';
import type { RoomWritingServices } from './room-writing-services.ts';

const STABLE = STABLE_STICKY_NAMES.queryParameter;
const UNSTABLE = UNSTABLE_STICKY_NAMES.queryParameter;

/**
 * The sticky field that the query asks for (B1, A4); `undefined` for an ordinary event, and wherever the feature is off
 * (A6). Both names are read; which one is written is a matter of the configuration. Throws M_INVALID_PARAM.
 */
export function stickyFieldOf(
  query: Readonly<Record<string, string | undefined>>,
  { enabled, stableNames }: RoomWritingServices['stickyEvents'],
): JsonObject | undefined {
  if (!enabled) return undefined;
  const stable = durationOf(STABLE, query[STABLE]);
  const unstable = durationOf(UNSTABLE, query[UNSTABLE]);
  if (stable !== undefined && unstable !== undefined && stable !== unstable) {
    throw new MatrixError(
      'M_INVALID_PARAM',
      `${STABLE} is ${stable} and ${UNSTABLE} is ${unstable}; give one of them.`,
    );
  }
  const durationMs = stable ?? unstable;
  if (durationMs === undefined) return undefined;
  const { eventField } = stableNames ? STABLE_STICKY_NAMES : UNSTABLE_STICKY_NAMES;
  return { [eventField]: { duration_ms: durationMs } };
}

function durationOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const durationMs = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (durationMs <= MAX_STICKY_DURATION_MS) return durationMs;
  const range = `an integer of milliseconds from 0 to ${MAX_STICKY_DURATION_MS}`;
  throw new MatrixError('M_INVALID_PARAM', `${name} must be ${range}.`);
}
