/**
 * The names of sticky events on the wire (MSC4354, MSC4480), stable and unstable. Both are read everywhere, by
 * `readEither`; which of the two is written is for the application to choose, by handing one of these values around.
 */
export interface StickyNames {
  /** Query parameter of the sending endpoints: how long the event shall be sticky, in milliseconds. */
  readonly queryParameter: string;
  /** Top-level property of an event: `{ duration_ms }`. */
  readonly eventField: string;
  /** Property of `unsigned`: what is left, in milliseconds, when the server answered. */
  readonly remainingField: string;
  /** Section of a joined room in `/sync`: `{ events }`. */
  readonly syncSection: string;
  /** Property of `content`: under which key the event stands in the ephemeral map. */
  readonly stickyKeyField: string;
  /** Name of the sliding-sync extension (MSC4480). */
  readonly slidingSyncExtension: string;
}

export const STABLE_STICKY_NAMES: StickyNames = {
  queryParameter: 'sticky_duration_ms',
  eventField: 'sticky',
  remainingField: 'sticky_duration_remaining_ms',
  syncSection: 'sticky',
  stickyKeyField: 'sticky_key',
  slidingSyncExtension: 'sticky_events',
};

export const UNSTABLE_STICKY_NAMES: StickyNames = {
  queryParameter: 'org.matrix.msc4354.sticky_duration_ms',
  eventField: 'msc4354_sticky',
  remainingField: 'msc4354_sticky_duration_ttl_ms',
  syncSection: 'msc4354_sticky',
  stickyKeyField: 'msc4354_sticky_key',
  slidingSyncExtension: 'org.matrix.msc4354.sticky_events',
};

/** In `unstable_features` of `/versions`: the server does sticky events. There is no stable flag. */
export const STICKY_FEATURE_FLAG = 'org.matrix.msc4354';

/**
 * What the property says under its stable name or, where that is missing or `read` finds it invalid, under its unstable
 * one; `undefined` where neither holds anything valid or `json` is no object.
 */
export function readEither<Value>(
  json: unknown,
  property: keyof StickyNames,
  read: (value: unknown) => Value | undefined,
): Value | undefined {
  const stable = read(propertyOf(json, STABLE_STICKY_NAMES[property]));
  return stable !== undefined ? stable : read(propertyOf(json, UNSTABLE_STICKY_NAMES[property]));
}

/** An own property of a JSON object; `undefined` for anything that is not one, or has it not. */
export function propertyOf(json: unknown, name: string): unknown {
  return isObject(json) && Object.hasOwn(json, name) ? json[name] : undefined;
}

export function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
