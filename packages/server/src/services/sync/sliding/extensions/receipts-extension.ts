import type { JsonObject } from '@limpet/protocol/json';
import { hasSeen } from '../../../../storage/stream.ts';
import type { SyncSources } from '../../sync-sources.ts';
import type { UserRoom } from '../../user-room.ts';
import type { ExtensionPart, ExtensionsInput } from './extensions-input.ts';
import { isFollowed, roomsOfExtension, untoldRanges } from './rooms-of-extension.ts';

/**
 * Who has read how far. Of a room that comes for the first time only the receipts at the events of its timeline, and
 * the user's own: in a large room nobody looks at the others. Specification: MSC3960.
 */
export async function readReceiptsExtension(
  input: ExtensionsInput,
  sources: SyncSources,
): Promise<ExtensionPart | undefined> {
  const request = input.extensions.receipts;
  if (request?.enabled !== true) return undefined;
  const texts: string[] = [];
  for (const userRoom of roomsOfExtension(request, input)) {
    if (userRoom.membership.membership !== 'join') continue;
    const content = await readContent(userRoom, input, sources);
    if (content === undefined) continue;
    texts.push(`${JSON.stringify(userRoom.room.roomId)}:${JSON.stringify({ type: 'm.receipt', content })}`);
  }
  return texts.length === 0 ? undefined : { name: 'receipts', text: `{"rooms":{${texts.join()}}}`, isNews: true };
}

async function readContent(
  { room }: UserRoom,
  input: ExtensionsInput,
  { ephemeral }: SyncSources,
): Promise<JsonObject | undefined> {
  const { userId, news, toldUpTo } = input;
  const timeline = input.answered.get(room.nid)?.timeline ?? [];
  const ranges = untoldRanges(input, room.nid);
  if (ranges === undefined) return ephemeral.receiptsAt(room, userId, timeline);
  const isQuiet = isFollowed(input, room.nid) && news?.rooms.get(room.roomId)?.receipts !== true;
  const changed = isQuiet ? undefined : await ephemeral.receipts(room, userId, ranges);
  // A timeline that reaches further back than before shows events whose receipts were not told.
  const told = toldUpTo.get(room.nid);
  const isExpanded = told !== undefined && timeline.some(({ place }) => place !== undefined && hasSeen(told, place));
  return isExpanded ? merged(await ephemeral.receiptsAt(room, userId, timeline), changed) : changed;
}

/** Contents of `m.receipt`: by event and type, users. Where both have one of a user it is the same. */
function merged(one: JsonObject | undefined, other: JsonObject | undefined): JsonObject | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const content: Record<string, JsonObject> = { ...(one as Record<string, JsonObject>) };
  for (const [eventId, types] of Object.entries(other as Record<string, JsonObject>)) {
    const known = content[eventId] ?? {};
    const both = Object.entries(types).map(([type, users]) => [
      type,
      { ...(known[type] as JsonObject), ...(users as JsonObject) },
    ]);
    content[eventId] = { ...known, ...Object.fromEntries(both) };
  }
  return content;
}
