import { isObject, propertyOf, readEither, STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES } from './sticky-names.ts';

/** Where an event stands in the ephemeral map (F1). */
export interface StickyKey {
  readonly roomId: string;
  readonly sender: string;
  /** The type after decryption. */
  readonly type: string;
  readonly stickyKey: string;
}

/** An event of this type has not been decrypted yet: its type and key are not known, whatever its content says. */
const ENCRYPTED_TYPE = 'm.room.encrypted';

/**
 * The sticky key that the event names, any string, the empty one included; `undefined` for an event that is not in the
 * map: it has no key, or is still encrypted (F1). `event` is one with its type and content as decrypted.
 */
export function stickyKeyOf(event: unknown): string | undefined {
  if (propertyOf(event, 'type') === ENCRYPTED_TYPE) return undefined;
  return readEither(propertyOf(event, 'content'), 'stickyKeyField', (key) =>
    typeof key === 'string' ? key : undefined,
  );
}

/** Whether the content holds only the sticky key, under either name or both: the sender removes the entry (F4). */
export function isStickyRemoval(content: unknown): boolean {
  return (
    isObject(content) &&
    Object.keys(content).every(
      (name) => name === STABLE_STICKY_NAMES.stickyKeyField || name === UNSTABLE_STICKY_NAMES.stickyKeyField,
    )
  );
}

/** The key as one text, for a `Map`; different keys never share one, whatever characters they hold. */
export function stickyKeyText({ roomId, sender, type, stickyKey }: StickyKey): string {
  return JSON.stringify([roomId, sender, type, stickyKey]);
}
