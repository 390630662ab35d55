/** Everything of `@limpet/sticky`. Each file is also an entry of its own: `@limpet/sticky/sticky-map`, and so on. */
export type { SavedStickyMap, StickyClocks } from './saved-sticky-map.ts';
export { announcedRemainingMs, MAX_STICKY_DURATION_MS, stickyDurationMs } from './sticky-duration.ts';
export { isStickyRemoval, type StickyKey, stickyKeyOf, stickyKeyText } from './sticky-key.ts';
export { type StickyLifetime, stickyRemainingMs, stickyStartMs, stickyUntilMs } from './sticky-lifetime.ts';
export { type StickyChange, type StickyEntry, type StickyFilter, StickyMap } from './sticky-map.ts';
export {
  readEither,
  STABLE_STICKY_NAMES,
  STICKY_FEATURE_FLAG,
  type StickyNames,
  UNSTABLE_STICKY_NAMES,
} from './sticky-names.ts';
export { compareStickyEvents, type StickyRank, winningStickyEvent } from './sticky-order.ts';
export { REMEMBERED_FOR_MS, type StickyReceipt, type StickyWrite } from './sticky-record.ts';
