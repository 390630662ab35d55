import { propertyOf, readEither } from './sticky-names.ts';

/** The longest an event can be sticky, whatever it asks for (MSC4354): one hour. */
export const MAX_STICKY_DURATION_MS = 3_600_000;

/**
 * For how long the event asks to be sticky, in milliseconds, at most `MAX_STICKY_DURATION_MS`; `undefined` for an
 * ordinary event (A1). Takes any JSON and never throws: a field of the wrong shape makes an ordinary event. A redacted
 * event has lost the field (A3), so it is an ordinary one.
 *
 * A number counts as an integer by its value: once parsed, `1.0` cannot be told from `1`.
 */
export function stickyDurationMs(event: unknown): number | undefined {
  return readEither(event, 'eventField', (field) => {
    const durationMs = propertyOf(field, 'duration_ms');
    return Number.isInteger(durationMs) && (durationMs as number) >= 0
      ? Math.min(durationMs as number, MAX_STICKY_DURATION_MS)
      : undefined;
  });
}

/**
 * What the server said was left of the event when it answered, in milliseconds, from `unsigned`; `undefined` where it
 * said nothing, which is what it does for an expired event (C8). A negative value counts as 0.
 */
export function announcedRemainingMs(event: unknown): number | undefined {
  return readEither(propertyOf(event, 'unsigned'), 'remainingField', (remainingMs) =>
    Number.isInteger(remainingMs) ? Math.max(remainingMs as number, 0) : undefined,
  );
}
