import { isObject, propertyOf } from './sticky-names.ts';
import { REMEMBERED_FOR_MS, type StickyRecord, type StickyWrite, stickyEndMs } from './sticky-record.ts';

/** Both clocks at one instant: a saved map is carried from one monotonic clock to another by the wall clock. */
export interface StickyClocks {
  /** The monotonic clock that the map is told of, in milliseconds. */
  readonly nowMs: number;
  /** The wall clock, in milliseconds since 1970. */
  readonly wallMs: number;
}

/** A map as JSON (F8). Only `StickyMap.load` needs to understand what is inside. */
export interface SavedStickyMap {
  readonly version: 1;
  readonly savedWallMs: number;
  readonly records: readonly SavedStickyRecord[];
}

interface SavedStickyRecord {
  readonly roomId: string;
  readonly eventId: string;
  readonly write: StickyWrite | null;
  /** What is left of the event; for a redaction, of the time for which it is remembered. */
  readonly remainingMs: number;
  /** Whether the server said so, as against the client's wall clock. */
  readonly announced: boolean;
  readonly redacted: boolean;
}

/** What is unexpired, and the redactions, whose events may yet come. */
export function formatSavedStickyMap(records: Iterable<StickyRecord>, clocks: StickyClocks): SavedStickyMap {
  const saved: SavedStickyRecord[] = [];
  for (const record of records) {
    const { roomId, eventId, write = null, redacted } = record;
    const remainingMs = (redacted ? record.seenMs + REMEMBERED_FOR_MS : stickyEndMs(record)) - clocks.nowMs;
    if (remainingMs <= 0) continue;
    saved.push({ roomId, eventId, write, remainingMs, announced: record.announcedEndMs < Infinity, redacted });
  }
  return { version: 1, savedWallMs: clocks.wallMs, records: saved };
}

/**
 * The records of a saved map that are still unexpired. A wall clock that was set back in between counts as no time
 * passed. Throws an Error for anything that is no saved map, since events lost here do not come again by themselves.
 */
export function parseSavedStickyMap(saved: unknown, { nowMs, wallMs }: StickyClocks): StickyRecord[] {
  if (!isSavedStickyMap(saved)) {
    throw new Error('This is not a sticky map saved by this version: sync without a token to fill a new one');
  }
  const elapsedMs = Math.max(wallMs - saved.savedWallMs, 0);
  const records: StickyRecord[] = [];
  for (const { roomId, eventId, write, remainingMs, announced, redacted } of saved.records) {
    if (remainingMs <= elapsedMs) continue;
    const endMs = nowMs + remainingMs - elapsedMs;
    records.push({
      roomId,
      eventId,
      write: write ?? undefined,
      announcedEndMs: announced && !redacted ? endMs : Infinity,
      estimatedEndMs: announced || redacted ? Infinity : endMs,
      redacted,
      seenMs: redacted ? endMs - REMEMBERED_FOR_MS : nowMs,
    });
  }
  return records;
}

function isSavedStickyMap(saved: unknown): saved is SavedStickyMap {
  const records = propertyOf(saved, 'records');
  return (
    propertyOf(saved, 'version') === 1 &&
    Number.isFinite(propertyOf(saved, 'savedWallMs')) &&
    Array.isArray(records) &&
    records.every(isSavedStickyRecord)
  );
}

function isSavedStickyRecord(record: unknown): record is SavedStickyRecord {
  if (!isObject(record)) return false;
  const { roomId, eventId, write, remainingMs, announced, redacted } = record;
  return (
    areStrings(roomId, eventId) &&
    Number.isFinite(remainingMs) &&
    typeof announced === 'boolean' &&
    typeof redacted === 'boolean' &&
    (write === null || isSavedWrite(write))
  );
}

function isSavedWrite(write: unknown): boolean {
  if (!isObject(write)) return false;
  const { roomId, sender, type, stickyKey, eventId, originServerTs, durationMs, content } = write;
  return (
    areStrings(roomId, sender, type, stickyKey, eventId) &&
    Number.isFinite(originServerTs) &&
    Number.isFinite(durationMs) &&
    isObject(content)
  );
}

function areStrings(...values: unknown[]): boolean {
  return values.every((value) => typeof value === 'string');
}
