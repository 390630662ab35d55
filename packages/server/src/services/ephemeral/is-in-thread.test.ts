import type { JsonObject } from '@limpet/protocol/json';
import { expect, test } from 'vitest';
import type { RoomEvent } from '../rooms/room-event.ts';
import { isInThread } from './is-in-thread.ts';

/** Events by name: what each relates to, or that it is redacted. */
const EVENTS: Record<string, JsonObject | 'redacted'> = {
  $root: {},
  $plain: { body: 'hello' },
  $reply: { 'm.relates_to': { 'm.in_reply_to': { event_id: '$plain' } } },
  $inThread: { 'm.relates_to': { rel_type: 'm.thread', event_id: '$root' } },
  $reaction: { 'm.relates_to': { rel_type: 'm.annotation', event_id: '$inThread' } },
  $onReaction: { 'm.relates_to': { rel_type: 'm.reference', event_id: '$reaction' } },
  $reactionToRoot: { 'm.relates_to': { rel_type: 'm.annotation', event_id: '$root' } },
  $redacted: 'redacted',
  $onRedacted: { 'm.relates_to': { rel_type: 'm.annotation', event_id: '$redacted' } },
  $onMissing: { 'm.relates_to': { rel_type: 'm.annotation', event_id: '$missing' } },
  $circle: { 'm.relates_to': { rel_type: 'm.annotation', event_id: '$circle' } },
};

function eventNamed(eventId: string): RoomEvent | undefined {
  const content = EVENTS[eventId];
  if (content === undefined) return undefined;
  const isRedacted = content === 'redacted';
  const pdu = { eventId, content: isRedacted ? {} : content };
  return { pdu, redactedBy: isRedacted ? 1 : undefined } as RoomEvent;
}

let reads = 0;

const store = {
  async byIds(eventIds: readonly string[]) {
    reads++;
    const found = eventIds.map(eventNamed).filter((event) => event !== undefined);
    return new Map(found.map((event) => [event.pdu.eventId, event]));
  },
} as unknown as Parameters<typeof isInThread>[0];

test.each([
  ['$plain', 'main', true],
  ['$plain', '$root', false],
  ['$reply', 'main', true],
  ['$inThread', '$root', true],
  ['$inThread', 'main', false],
  ['$inThread', '$plain', false],
  ['$reaction', '$root', true],
  ['$onReaction', '$root', true],
  ['$onReaction', 'main', false],
  ['$root', 'main', true],
  ['$root', '$root', true],
  ['$reactionToRoot', 'main', true],
  ['$redacted', '$root', true],
  ['$onRedacted', '$root', true],
  ['$onMissing', '$root', true],
  ['$circle', '$root', false],
])('a receipt at %s may be of the thread %s: %s', async (eventId, threadId, expected) => {
  const event = eventNamed(eventId);
  if (event === undefined) throw new Error(`There is no ${eventId}`);
  reads = 0;
  expect(await isInThread(store, event, threadId)).toBe(expected);
  expect(reads).toBeLessThanOrEqual(3);
});
