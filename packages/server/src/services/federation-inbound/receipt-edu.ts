import { asEventId } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { ALLOWED, refused, type Verdict } from '@limpet/protocol/verdict';
import { isInThread, MAIN_TIMELINE } from '../ephemeral/is-in-thread.ts';
import type { Receipts } from '../ephemeral/receipts.ts';
import type { EduHandler } from '../remote-servers/edu-handler.ts';
import { findRemoteSpeaker, type RemoteSpeakerParts } from './remote-speaker.ts';

/** Receipts of one EDU, in all its rooms; what is beyond is passed over. */
const MAX_RECEIPTS = 500;

interface RemoteReceipt {
  readonly roomId: string;
  readonly userId: string;
  readonly receipt: JsonValue;
}

/**
 * `m.receipt`: `m.read` alone goes from server to server. One for an event that is not here, or not in the thread that
 * it names, is passed over: the user's next one says more.
 * Specification: server-server API, "Receipts".
 */
export function createReceiptHandler(parts: RemoteSpeakerParts, receipts: Receipts): EduHandler {
  return async (origin, content) => {
    const verdicts = await Promise.all(receiptsIn(content).map((one) => take(parts, receipts, { origin, ...one })));
    return verdicts.find((verdict) => !verdict.allowed) ?? ALLOWED;
  };
}

function receiptsIn(content: JsonObject): RemoteReceipt[] {
  const found: RemoteReceipt[] = [];
  for (const [roomId, ofRoom] of Object.entries(content)) {
    const read = isJsonObject(ofRoom) ? ofRoom['m.read'] : undefined;
    for (const [userId, receipt] of Object.entries(isJsonObject(read) ? read : {})) {
      if (found.length < MAX_RECEIPTS) found.push({ roomId, userId, receipt });
    }
  }
  return found;
}

async function take(
  parts: RemoteSpeakerParts,
  receipts: Receipts,
  { origin, roomId, userId, receipt }: RemoteReceipt & { origin: string },
): Promise<Verdict> {
  const read = readReceipt(receipt);
  if (read === undefined) return refused('A receipt needs one of "event_ids", and "data" with "ts".');
  const speaker = await findRemoteSpeaker(parts, { origin, roomId, userId });
  if (!speaker.allowed) return speaker;
  const { eventId, ts, threadId } = read;
  const event = (await parts.events.byIds([eventId])).get(eventId);
  if (event?.place === undefined || event.room.nid !== speaker.room.nid || event.isRejected) return ALLOWED;
  if (threadId !== undefined && !(await isInThread(parts.events, event, threadId))) return ALLOWED;
  const { roomIndex } = event.place;
  const { room } = speaker;
  await receipts.set({ room, userId: speaker.userId, receiptType: 'm.read', threadId, eventId, roomIndex, ts });
  return ALLOWED;
}

function readReceipt(receipt: JsonValue) {
  if (!isJsonObject(receipt)) return undefined;
  const { event_ids: eventIds, data } = receipt;
  const eventId = Array.isArray(eventIds) ? asEventId(eventIds[0]) : undefined;
  if (eventId === undefined || !isJsonObject(data)) return undefined;
  const { ts, thread_id: threadId } = data;
  if (typeof ts !== 'number' || !Number.isSafeInteger(ts) || ts < 0) return undefined;
  if (threadId === undefined || threadId === MAIN_TIMELINE) return { eventId, ts, threadId };
  const root = asEventId(threadId);
  return root === undefined ? undefined : { eventId, ts, threadId: root };
}
