import type { JsonObject } from '@limpet/protocol/json';
import { expect } from 'vitest';
import { MAX_COUNTED } from '../../src/services/push/count-unread.ts';
import type { Load } from './crash-load.ts';
import type { MatrixClient } from './matrix-client.ts';

export interface Survey {
  readonly roomId: string;
  /** Who has been in the room from its first event on. */
  readonly creator: MatrixClient;
  /** Who has read nothing since joining. */
  readonly reader: MatrixClient;
  readonly loads: readonly Load[];
}

/** The whole history, oldest first. */
export async function readHistory({ creator, roomId }: Survey): Promise<JsonObject[]> {
  const events: JsonObject[] = [];
  let from = '';
  do {
    const page = await creator.ask('GET', `/rooms/${roomId}/messages?dir=b&limit=100${from}`);
    events.push(...(page.chunk as JsonObject[]));
    from = page.end === undefined ? '' : `&from=${String(page.end)}`;
  } while (from !== '');
  return events.reverse();
}

/** Everything that was acknowledged is there, once. */
export function checkHistory(history: readonly JsonObject[], { loads }: Survey): void {
  const ids = history.map((event) => String(event.event_id));
  expect(new Set(ids).size).toBe(ids.length);
  const acknowledged = loads
    .flatMap(({ sends, states }) => [...sends, ...states])
    .flatMap(({ eventId }) => eventId ?? []);
  const there = new Set(ids);
  expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
}

/** The current state is the last of each slot in the history; memberships are the same wherever one looks. */
export async function checkState(history: readonly JsonObject[], { creator, roomId }: Survey): Promise<void> {
  const last = new Map<string, string>();
  for (const { type, state_key: key, event_id: id } of history) {
    if (key !== undefined) last.set(`${String(type)} ${String(key)}`, String(id));
  }
  const state = await creator.ask('GET', `/rooms/${roomId}/state`);
  const members = await creator.ask('GET', `/rooms/${roomId}/members`);
  const joined = await creator.ask('GET', `/rooms/${roomId}/joined_members`);
  const current = state as unknown as JsonObject[];
  const slots = current.map(({ type, state_key: key, event_id: id }) => [`${String(type)} ${String(key)}`, String(id)]);
  expect(Object.fromEntries(slots)).toEqual(Object.fromEntries(last));
  const memberEvents = current.filter(({ type }) => type === 'm.room.member');
  expect(new Set((members.chunk as JsonObject[]).map(({ event_id: id }) => id))).toEqual(
    new Set(memberEvents.map(({ event_id: id }) => id)),
  );
  const joinedIds = memberEvents.filter(({ content }) => (content as JsonObject).membership === 'join');
  expect(Object.keys(joined.joined as JsonObject).sort()).toEqual(
    joinedIds.map(({ state_key: key }) => String(key)).sort(),
  );
}

/** What a new device is given agrees with the history: sticky events, each once, and the unread count. */
export async function checkProjections(history: readonly JsonObject[], { reader, roomId }: Survey): Promise<void> {
  const device = reader.newDevice(1);
  const first = await device.ask('GET', '/sync?filter={"room":{"timeline":{"limit":1}}}');
  const rooms = first.rooms as { join: Record<string, { unread_notifications: JsonObject }> };
  const joinedAt = history.findIndex(({ type, state_key: key }) => type === 'm.room.member' && key === reader.userId);
  const messages = history.slice(joinedAt).filter(({ type }) => type === 'm.room.message');
  expect(rooms.join[roomId]?.unread_notifications.notification_count).toBe(Math.min(messages.length, MAX_COUNTED));
  await device.drain();
  const sticky = history.filter((event) => event.msc4354_sticky !== undefined).map(({ event_id: id }) => String(id));
  const given = [...device.timeline, ...device.sticky].filter((id) => sticky.includes(id));
  expect([...given].sort()).toEqual([...sticky].sort());
}

/** Along a chain of tokens that went through all crashes, each event came once. */
export function checkChains(history: readonly JsonObject[], whole: MatrixClient, narrow: MatrixClient): void {
  const ids = history.map((event) => String(event.event_id));
  const joinedAt = history.findIndex(({ type, state_key: key }) => type === 'm.room.member' && key === whole.userId);
  expect(new Set(whole.timeline).size).toBe(whole.timeline.length);
  const came = new Set(whole.timeline);
  expect(ids.slice(joinedAt).filter((id) => !came.has(id))).toEqual([]);
  expect(whole.timeline.filter((id) => !ids.includes(id))).toEqual([]);
  const sticky = history.filter((event) => event.msc4354_sticky !== undefined).map(({ event_id: id }) => String(id));
  const given = [...narrow.timeline, ...narrow.sticky].filter((id) => sticky.includes(id));
  expect([...given].sort()).toEqual([...sticky].sort());
}

/** B2: repeated after the crash, a request gives the same event, also where no answer had come. */
export async function checkRepeats({ sends }: Load): Promise<void> {
  const unanswered = sends.filter(({ eventId }) => eventId === undefined);
  const answered = sends.filter(({ eventId }) => eventId !== undefined).slice(-40);
  for (const asked of unanswered) {
    const { client, path, body } = asked;
    asked.eventId = String((await client.ask('PUT', path, body)).event_id);
  }
  for (const { client, path, body, eventId } of [...answered, ...unanswered]) {
    expect([path, (await client.ask('PUT', path, body)).event_id]).toEqual([path, eventId]);
  }
}
