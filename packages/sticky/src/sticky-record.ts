import { announcedRemainingMs, MAX_STICKY_DURATION_MS, stickyDurationMs } from './sticky-duration.ts';
import { type StickyKey, stickyKeyOf } from './sticky-key.ts';
import { isObject, propertyOf } from './sticky-names.ts';
import type { StickyRank } from './sticky-order.ts';

/**
 * For how long an event is remembered after it was last heard of: by then it has been expired for an hour at least, so
 * no late answer can bring it back, and a redaction has outlived every event that it can have overtaken.
 */
export const REMEMBERED_FOR_MS = 2 * MAX_STICKY_DURATION_MS;

/**
 * All that a client has learnt about one event. Records of the same event are joined by `joinStickyRecords`; joining is
 * commutative, associative and idempotent, and so no order, batching or repetition of what arrives can matter (F2).
 */
export interface StickyRecord {
  readonly roomId: string;
  readonly eventId: string;
  /** What it puts into the map; `undefined` while it is not decrypted, has no sticky key, or is redacted. */
  readonly write: StickyWrite | undefined;
  /** By what the server said was left. Every answer is late by its travel, so the earliest of them is the best. */
  readonly announcedEndMs: number;
  /** By the client's wall clock. Counts only where the server never said. Both are Infinity while nothing is known. */
  readonly estimatedEndMs: number;
  readonly redacted: boolean;
  /** When it was last heard of. */
  readonly seenMs: number;
}

/** What an event writes, and where. */
export interface StickyWrite extends StickyKey, StickyRank {
  readonly content: Readonly<Record<string, unknown>>;
}

/** When the events of a batch arrived. */
export interface StickyReceipt {
  /** On a monotonic clock (`performance.now()`), when the response that held them arrived, in milliseconds. */
  readonly receivedMs: number;
  /**
   * The wall clock (`Date.now()`) at that instant: only for servers that do not say what is left. Without it, an event
   * that comes without what is left is taken as expired, which is what the proposal means by leaving it out.
   */
  readonly receivedWallMs?: number;
}

/** What one arrival of an event says; `undefined` for JSON that is not a sticky event, redacted ones aside. */
export function observeStickyEvent(roomId: string, json: unknown, receipt: StickyReceipt): StickyRecord | undefined {
  const eventId = propertyOf(json, 'event_id');
  if (typeof eventId !== 'string') return undefined;
  if (isObject(propertyOf(propertyOf(json, 'unsigned'), 'redacted_because'))) {
    return redactedStickyRecord(roomId, eventId, receipt.receivedMs);
  }
  const originServerTs = propertyOf(json, 'origin_server_ts');
  const durationMs = stickyDurationMs(json);
  if (!Number.isFinite(originServerTs) || durationMs === undefined) return undefined;
  const remainingMs = announcedRemainingMs(json);
  const rank = { originServerTs: originServerTs as number, durationMs, eventId };
  return {
    roomId,
    eventId,
    write: writeOf(roomId, json, rank),
    // No honest server leaves an event longer than it asked for.
    announcedEndMs: remainingMs === undefined ? Infinity : receipt.receivedMs + Math.min(remainingMs, durationMs),
    estimatedEndMs: estimateEndMs(rank, receipt),
    redacted: false,
    seenMs: receipt.receivedMs,
  };
}

/** That the event was redacted, known with or without the event itself (F5). */
export function redactedStickyRecord(roomId: string, eventId: string, receivedMs: number): StickyRecord {
  return {
    roomId,
    eventId,
    write: undefined,
    announcedEndMs: Infinity,
    estimatedEndMs: Infinity,
    redacted: true,
    seenMs: receivedMs,
  };
}

/** What two records of the same event say together. A decrypted form stands in for its undecrypted one. */
export function joinStickyRecords(left: StickyRecord, right: StickyRecord): StickyRecord {
  const redacted = left.redacted || right.redacted;
  return {
    roomId: left.roomId,
    eventId: left.eventId,
    write: redacted ? undefined : (left.write ?? right.write),
    announcedEndMs: Math.min(left.announcedEndMs, right.announcedEndMs),
    estimatedEndMs: Math.min(left.estimatedEndMs, right.estimatedEndMs),
    redacted,
    seenMs: Math.max(left.seenMs, right.seenMs),
  };
}

/** The first instant, on the monotonic clock, at which the event is not sticky any more; -Infinity if it never was. */
export function stickyEndMs({ announcedEndMs, estimatedEndMs, redacted }: StickyRecord): number {
  const endMs = announcedEndMs < Infinity ? announcedEndMs : estimatedEndMs;
  return redacted || endMs === Infinity ? -Infinity : endMs;
}

function writeOf(roomId: string, json: unknown, rank: StickyRank): StickyWrite | undefined {
  const stickyKey = stickyKeyOf(json);
  const sender = propertyOf(json, 'sender');
  const type = propertyOf(json, 'type');
  const content = propertyOf(json, 'content');
  if (stickyKey === undefined || typeof sender !== 'string' || typeof type !== 'string' || !isObject(content)) {
    return undefined;
  }
  return { roomId, sender, type, stickyKey, content, ...rank };
}

/** A2, with this client in the server's place. */
function estimateEndMs(rank: StickyRank, { receivedMs, receivedWallMs }: StickyReceipt): number {
  if (receivedWallMs === undefined) return Infinity;
  return receivedMs + Math.min(rank.originServerTs - receivedWallMs, 0) + rank.durationMs;
}
