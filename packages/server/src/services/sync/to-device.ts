import type { SyncNews } from './sync-news.ts';
import type { SyncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';

/** Most to-device messages in one answer; the rest come with the next, which returns at once. */
const MAX_MESSAGES = 100;

export interface ToDevice {
  readonly texts: readonly string[];
  /** How far the messages have come; `undefined` when all up to the answer's token are there. */
  readonly upTo: number | undefined;
}

/** What the request's token has passed was received: it is removed. */
export function acknowledgeToDevice(request: SyncRequest, { encryption }: SyncSources): void {
  const { since } = request;
  for (const [writer, position] of since?.vector ?? []) {
    encryption.acknowledgeToDevice(request, writer, since?.toDeviceUpTo ?? position);
  }
}

/** Messages for the requesting device. */
export async function readToDevice(
  request: SyncRequest,
  range: SyncRange,
  { news, sources }: { news: SyncNews | undefined; sources: SyncSources },
): Promise<ToDevice> {
  const pendingFrom = request.since?.toDeviceUpTo;
  if (news !== undefined && !news.toDevice && pendingFrom === undefined) return { texts: [], upTo: undefined };
  const texts: string[] = [];
  for (const [writer, upTo] of range.upTo) {
    const after = pendingFrom ?? range.since?.get(writer) ?? 0;
    const messages = await sources.encryption.toDevice(request, { writer, after, upTo }, MAX_MESSAGES + 1);
    for (const message of messages.slice(0, MAX_MESSAGES)) texts.push(message.json);
    if (messages.length > MAX_MESSAGES) return { texts, upTo: messages[MAX_MESSAGES - 1]?.position };
  }
  return { texts, upTo: undefined };
}
