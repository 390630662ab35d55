import { inTurns } from '../../rooms/breathe.ts';
import type { RoomEvent } from '../../rooms/room-event.ts';
import type { SyncSources } from '../sync-sources.ts';
import type { SlidingAnswer } from './build-sliding-answer.ts';
import type { RoomAnswer } from './room-query.ts';
import type { SlidingRequest } from './sliding-request.ts';

/** The body of an answer, as JSON text. */
export async function slidingAnswerText(
  { counts, rooms, extensions }: Pick<SlidingAnswer, 'counts' | 'rooms' | 'extensions'>,
  { pos, request }: { pos: string; request: SlidingRequest },
  sources: SyncSources,
): Promise<string> {
  const lists = [...counts].map(([name, count]) => `${JSON.stringify(name)}:{"count":${count}}`);
  const texts = (await eventTexts([...rooms.values()], request, sources)).values();
  const roomTexts = [...rooms].map(([roomId, room]) => `${JSON.stringify(roomId)}:${roomText(room, texts)}`);
  const extensionTexts = [...extensions.texts].map(([name, text]) => `${JSON.stringify(name)}:${text}`);
  const txnId = request.txnId === undefined ? '' : `"txn_id":${JSON.stringify(request.txnId)},`;
  const parts = `"lists":{${lists}},"rooms":{${roomTexts}},"extensions":{${extensionTexts}}`;
  return `{"pos":${JSON.stringify(pos)},${txnId}${parts}}`;
}

function eventsOf({ state, timeline }: RoomAnswer): readonly RoomEvent[] {
  return [...state, ...(timeline ?? [])];
}

/** `texts` are those of its events, and then of other rooms'. */
function roomText({ properties, state, timeline }: RoomAnswer, texts: IterableIterator<string>): string {
  const parts = [...properties];
  if (state.length > 0) parts.push(`"required_state":[${state.map(() => texts.next().value)}]`);
  if (timeline !== undefined) parts.push(`"timeline":[${timeline.map(() => texts.next().value)}]`);
  return `{${parts}}`;
}

/** Read for all rooms together. */
function eventTexts(
  rooms: readonly RoomAnswer[],
  { userId, deviceId }: SlidingRequest,
  sources: SyncSources,
): Promise<readonly string[]> {
  const limited = new Set(
    rooms.filter(({ isLimited }) => isLimited === true).flatMap(({ timeline }) => timeline ?? []),
  );
  const viewer = { userId, deviceId, withRoomId: false, withRelations: (event: RoomEvent) => limited.has(event) };
  return inTurns(sources.platform.timers, rooms.flatMap(eventsOf), (part) => sources.rooms.present(part, viewer));
}
