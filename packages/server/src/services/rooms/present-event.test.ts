import type { JsonObject } from '@limpet/protocol/json';
import type { Pdu } from '@limpet/protocol/pdu';
import { findRoomVersion } from '@limpet/protocol/room-version';
import { STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES } from '@limpet/sticky/sticky-names';
import { describe, expect, test } from 'vitest';
import { createPresentEvent, type EventViewing, plainViewing } from './present-event.ts';
import type { RoomEvent } from './room-event.ts';

const SENT_MS = 1_700_000_000_000;

function eventOf(json: JsonObject, options: Partial<RoomEvent> & { version?: string; pdu?: Pdu } = {}): RoomEvent {
  const version = findRoomVersion(options.version ?? '11');
  if (version === undefined) throw new Error('There is no such room version');
  const whole: JsonObject = { type: 'm.room.message', content: {}, origin_server_ts: SENT_MS, ...json };
  const content = whole.content as JsonObject;
  const redacts = version.redactsIsInContent ? content.redacts : whole.redacts;
  return {
    nid: 5,
    room: { nid: 1, roomId: '!room:test', version, createdTs: SENT_MS },
    pdu: {
      eventId: '$event',
      roomId: '!room:test',
      sender: '@alice:test',
      type: String(whole.type),
      stateKey: typeof whole.state_key === 'string' ? whole.state_key : undefined,
      content,
      originServerTs: Number(whole.origin_server_ts),
      depth: 1,
      prevEvents: [],
      authEvents: [],
      redacts: typeof redacts === 'string' ? redacts : undefined,
      json: { ...whole, hashes: { sha256: 'hash' }, signatures: {}, auth_events: [], prev_events: [], depth: 1 },
    },
    receivedTs: SENT_MS,
    place: { writer: 1, position: 9, roomIndex: 3 },
    stateBefore: 4,
    isRejected: false,
    isSoftFailed: false,
    redactedBy: undefined,
    ...options,
  };
}

function shown(
  event: RoomEvent,
  viewing: Partial<EventViewing> = {},
  sticky = { isEnabled: true, names: UNSTABLE_STICKY_NAMES },
): JsonObject {
  return JSON.parse(createPresentEvent(sticky)(event, { ...plainViewing(SENT_MS + 1_500, true), ...viewing }));
}

describe('an event as clients get it', () => {
  test('has what the specification lists and nothing of federation', () => {
    const event = eventOf({ type: 'm.room.name', state_key: '', content: { name: 'The pub' }, extra: 1 });
    expect(shown(event)).toEqual({
      type: 'm.room.name',
      state_key: '',
      content: { name: 'The pub' },
      event_id: '$event',
      room_id: '!room:test',
      sender: '@alice:test',
      origin_server_ts: SENT_MS,
      unsigned: { age: 1_500 },
    });
    expect(shown(event, { withRoomId: false })).not.toHaveProperty('room_id');
  });

  test('is written once and shown to each viewer as that viewer may see it', () => {
    const content: JsonObject = {};
    let written = 0;
    Object.defineProperty(content, 'body', { enumerable: true, get: () => `text ${++written}` });
    const event = eventOf({ content });
    const present = createPresentEvent({ isEnabled: true, names: UNSTABLE_STICKY_NAMES });
    const viewings: Partial<EventViewing>[] = [
      { own: { transactionId: 't1' } },
      { membership: 'join' },
      { withRoomId: false },
    ];
    const texts = viewings.map((viewing) => present(event, { ...plainViewing(SENT_MS, true), ...viewing }));
    expect(written).toBe(1);
    expect(texts.map((text) => JSON.parse(text).unsigned)).toEqual([
      { age: 0, transaction_id: 't1' },
      { age: 0, membership: 'join' },
      { age: 0 },
    ]);
  });

  test('keeps hostile keys and characters as they are', () => {
    const content = JSON.parse('{"__proto__":{"a":1},"constructor":2,"toJSON":"x","\\u2028\\"":"\\u0000<\\/script>"}');
    const text = createPresentEvent({ isEnabled: true, names: UNSTABLE_STICKY_NAMES })(
      eventOf({ content, type: '"},{"' }),
      plainViewing(SENT_MS, true),
    );
    const parsed = JSON.parse(text);
    expect(JSON.stringify(parsed.content)).toBe(JSON.stringify(content));
    expect(parsed.type).toBe('"},{"');
    const redaction = JSON.parse('{"__proto__":{"a":1},"redacts":"$target"}');
    expect(JSON.stringify(shown(eventOf({ type: 'm.room.redaction', content: redaction })).content)).toBe(
      '{"__proto__":{"a":1},"redacts":"$target"}',
    );
  });

  test('says what a state event took the place of, and why an event is empty', () => {
    const previous = eventOf({ type: 'm.room.name', state_key: '', content: { name: 'The inn' } });
    const event = eventOf({ type: 'm.room.name', state_key: '', content: {} }, { redactedBy: 8 });
    const redactedBecause = eventOf({ type: 'm.room.redaction', content: { redacts: '$event', reason: 'rude' } });
    expect(shown(event, { previous, redactedBecause }).unsigned).toEqual({
      age: 1_500,
      prev_content: { name: 'The inn' },
      replaces_state: '$event',
      redacted_because: {
        type: 'm.room.redaction',
        content: { redacts: '$event', reason: 'rude' },
        redacts: '$event',
        event_id: '$event',
        room_id: '!room:test',
        sender: '@alice:test',
        origin_server_ts: SENT_MS,
        unsigned: { age: 1_500 },
      },
    });
  });
});

describe('a redaction names what it redacts in both places', () => {
  test.each(['10', '11'])('room version %s', (version) => {
    const json: JsonObject = version === '11' ? { content: { redacts: '$target' } } : { redacts: '$target' };
    const found = shown(eventOf({ type: 'm.room.redaction', ...json }, { version }));
    expect(found).toMatchObject({ redacts: '$target', content: { redacts: '$target' } });
  });

  test('the place that counts in the room version wins', () => {
    const json = { type: 'm.room.redaction', redacts: '$top', content: { redacts: '$content' } };
    expect(shown(eventOf(json, { version: '10' }))).toMatchObject({ redacts: '$top', content: { redacts: '$top' } });
    expect(shown(eventOf(json, { version: '11' }))).toMatchObject({
      redacts: '$content',
      content: { redacts: '$content' },
    });
    expect(shown(eventOf({ content: { redacts: '$x' }, redacts: '$y' }))).not.toHaveProperty('redacts');
  });
});

describe('A1, C8: a sticky event', () => {
  const left = (remainingMs: number) => ({
    sticky_duration_remaining_ms: remainingMs,
    msc4354_sticky_duration_ttl_ms: remainingMs,
  });

  test.each(['sticky', 'msc4354_sticky'])('that came with %s is given under the name in force', (field) => {
    const event = eventOf({ [field]: { duration_ms: 60_000, other: 1 } });
    const unstable = shown(event);
    expect(unstable).toMatchObject({ msc4354_sticky: { duration_ms: 60_000 }, unsigned: left(58_500) });
    const stable = shown(event, {}, { isEnabled: true, names: STABLE_STICKY_NAMES });
    expect(stable).toMatchObject({ sticky: { duration_ms: 60_000 }, unsigned: left(58_500) });
    // The name that the sender wrote stays beside it.
    for (const found of [unstable, stable]) expect(found).toHaveProperty(field);
    expect(event.pdu.json[field]).toEqual({ duration_ms: 60_000, other: 1 });
  });

  test('A2: what is left counts from the earlier of receipt and origin, at most an hour', () => {
    const late = { receivedTs: SENT_MS + 1_000 };
    const json = { msc4354_sticky: { duration_ms: 2_000 } };
    expect(shown(eventOf(json, late)).unsigned).toEqual({ age: 1_500, ...left(500) });
    const future = eventOf({ ...json, origin_server_ts: SENT_MS + 100_000 });
    expect(shown(future).unsigned).toEqual({ age: -98_500, ...left(500) });
    const long = shown(eventOf({ msc4354_sticky: { duration_ms: 2 ** 50 } }));
    expect(long).toMatchObject({ msc4354_sticky: { duration_ms: 3_600_000 }, unsigned: left(3_598_500) });
  });

  test('that has expired says nothing of what is left', () => {
    const event = eventOf({ msc4354_sticky: { duration_ms: 1_500 } });
    expect(shown(event, { nowMs: SENT_MS + 1_499 }).unsigned).toEqual({ age: 1_499, ...left(1) });
    expect(shown(event).unsigned).toEqual({ age: 1_500 });
    expect(shown(event)).toHaveProperty('msc4354_sticky');
  });

  test('A5, A6: refused ones, outliers, and all of them with the feature off', () => {
    const json = { msc4354_sticky: { duration_ms: 60_000 } };
    for (const refused of [{ isSoftFailed: true }, { isRejected: true }, { place: undefined }, { redactedBy: 7 }]) {
      expect(shown(eventOf(json, refused)).unsigned).toEqual({ age: 1_500 });
    }
    const off = { isEnabled: false, names: UNSTABLE_STICKY_NAMES };
    expect(shown(eventOf(json), {}, off).unsigned).toEqual({ age: 1_500 });
  });

  test.each([true, '5', 1.5, -1, null])('with a duration of %s is an ordinary event', (duration) => {
    const found = shown(eventOf({ msc4354_sticky: { duration_ms: duration }, sticky: [] }));
    expect(found).not.toHaveProperty('msc4354_sticky');
    expect(found).not.toHaveProperty('sticky');
    expect(found.unsigned).toEqual({ age: 1_500 });
  });
});
