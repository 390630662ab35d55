import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildEvent, buildUnsignedEvent, type EventDraft } from './build-event.ts';
import { encodeCanonicalJson } from './canonical-json.ts';
import { hasValidContentHash } from './content-hash.ts';
import { eventIdOf, referenceHash } from './event-id.ts';
import { MAX_EVENT_BYTES } from './event-size.ts';
import type { JsonObject } from './json.ts';
import { parsePdu } from './parse-pdu.ts';
import { findRoomVersion, ROOM_VERSION_IDS, type RoomVersion, type RoomVersionId } from './room-version.ts';
import { signingKeyFromSeed, signText } from './signing.ts';
import { verifyEvent } from './verify-event.ts';

const signer = { serverName: 'hs1', key: signingKeyFromSeed('ed25519:1', Buffer.alloc(32, 7)) };
const keys = new Map([['hs1', new Map([[signer.key.keyId, signer.key.publicKey]])]]);
const HASH = 'A'.repeat(43);

describe('buildEvent', () => {
  test.each(ROOM_VERSION_IDS)('in version %s gives what parsePdu and verifyEvent accept', (id) => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger())),
        (content) => {
          const { pdu, canonicalJson } = buildEvent(draftFor(id, { content }), version(id), signer);
          expect(canonicalJson).toBe(encodeCanonicalJson(pdu.json));
          expect(hasValidContentHash(pdu.json)).toBe(true);
          expect(parsePdu(JSON.parse(canonicalJson), version(id))).toEqual({ allowed: true, pdu });
          expect(verifyEvent(pdu, version(id), keys)).toEqual({ allowed: true, pdu, isRedacted: false });
        },
      ),
      { numRuns: 20 },
    );
  });

  test('an event has its ID before it is signed, and is the same when the signature comes', () => {
    const unsigned = buildUnsignedEvent(draftFor('12', {}), version('12'), signer);
    const { pdu, canonicalJson } = buildEvent(draftFor('12', {}), version('12'), signer);
    expect(unsigned.pdu.eventId).toBe(pdu.eventId);
    expect(unsigned.pdu.json.signatures).toBeUndefined();
    expect(unsigned.complete(signText(unsigned.signedText, signer.key))).toBe(canonicalJson);
    expect(unsigned.pdu).toEqual(pdu);
  });

  test('the event ID is chosen, then a hash, then a hash that is safe in URLs', () => {
    const idIn = (id: RoomVersionId, n: number) =>
      buildEvent(draftFor(id, { depth: n }), version(id), signer).pdu.eventId;
    expect([idIn('1', 1), idIn('2', 1)]).toEqual(['$new:hs1', '$new:hs1']);
    const depths = Array.from({ length: 40 }, (_, n) => n);
    expect(depths.map((n) => idIn('3', n)).join('')).toMatch(/^(\$[A-Za-z0-9+/]{43})+$/);
    expect(depths.map((n) => idIn('3', n)).join('')).toMatch(/[+/]/);
    expect(depths.map((n) => idIn('4', n)).join('')).toMatch(/^(\$[A-Za-z0-9_-]{43})+$/);
    expect(depths.map((n) => idIn('4', n)).join('')).toMatch(/[_-]/);
  });

  test('versions 1 and 2 name other events with their reference hash', () => {
    const { pdu } = buildEvent(draftFor('1', {}), version('1'), signer);
    expect(pdu.json.prev_events).toEqual([['$p:hs1', { sha256: HASH }]]);
    expect(pdu.prevEvents).toEqual(['$p:hs1']);
    expect(referenceHash(pdu.json, version('1'))).toMatch(/^[A-Za-z0-9+/]{43}$/);
    expect(() => buildEvent(draftFor('1', { referenceHashes: new Map() }), version('1'), signer)).toThrow(
      'The reference hash of $c:hs1 is missing.',
    );
  });

  test('what is redacted stands in the content since version 11, before at the top', () => {
    const redaction = { type: 'm.room.redaction', redacts: '$x' };
    const late = buildEvent(draftFor('11', redaction), version('11'), signer).pdu;
    const early = buildEvent(draftFor('10', redaction), version('10'), signer).pdu;
    expect([late.redacts, late.json.redacts, late.content.redacts]).toEqual(['$x', undefined, '$x']);
    expect([early.redacts, early.json.redacts, early.content.redacts]).toEqual(['$x', '$x', undefined]);
  });

  test('the create event of version 12 has no room_id and makes the room ID', () => {
    const create = { type: 'm.room.create', stateKey: '', prevEvents: [], authEvents: [], content: { x: 1 } };
    const { roomId: _roomId, ...draft } = draftFor('12', create);
    const { pdu } = buildEvent(draft, version('12'), signer);
    expect(pdu.json.room_id).toBeUndefined();
    expect(pdu.roomId).toBe(`!${pdu.eventId.slice(1)}`);
    expect(() => buildEvent(draftFor('12', create), version('12'), signer)).toThrow('has no room ID');
  });

  test('A3: the sticky field is signed by the content hash and not by the event ID', () => {
    const sticky = (durationMs: number) => ({ extraFields: { msc4354_sticky: { duration_ms: durationMs } } });
    const { pdu } = buildEvent(draftFor('12', sticky(5)), version('12'), signer);
    const forged = { ...pdu.json, msc4354_sticky: { duration_ms: 6 } };
    expect([hasValidContentHash(pdu.json), hasValidContentHash(forged)]).toEqual([true, false]);
    expect(eventIdOf(forged, version('12'))).toBe(pdu.eventId);
  });
});

describe('buildEvent refuses', () => {
  test.each<[string, Partial<EventDraft>, string, string]>([
    ['a float', { content: { a: 0.5 } }, 'M_BAD_JSON', '0.5 is not an integer at content.a'],
    ['half a surrogate pair', { content: { a: '\ud83d' } }, 'M_BAD_JSON', 'half of a surrogate pair at content.a'],
    ['a long type', { type: 'ä'.repeat(128) }, 'M_TOO_LARGE', "The event's type is longer than 255 bytes."],
    ['a long state key', { stateKey: 'a'.repeat(256) }, 'M_TOO_LARGE', "The event's state_key is longer than 255"],
    ['a large event', { content: { a: 'ä'.repeat(32_700) } }, 'M_TOO_LARGE', 'bytes as canonical JSON; at most 65536'],
  ])('%s of a client by its errcode', (_story, change, errcode, reason) => {
    const build = () => buildEvent(draftFor('12', change), version('12'), signer);
    expect(build).toThrow(expect.objectContaining({ errcode, message: expect.stringContaining(reason) }));
  });

  test('one byte more than an event may have', () => {
    const withBody = (length: number) => draftFor('12', { content: { body: 'x'.repeat(length) } });
    const emptySize = buildEvent(withBody(0), version('12'), signer).canonicalJson.length;
    const fitting = buildEvent(withBody(MAX_EVENT_BYTES - emptySize), version('12'), signer);
    expect(fitting.canonicalJson.length).toBe(MAX_EVENT_BYTES);
    expect(() => buildEvent(withBody(MAX_EVENT_BYTES - emptySize + 1), version('12'), signer)).toThrow('65537 bytes');
  });

  test.each<[string, Partial<EventDraft>, string]>([
    ['a field of its own as an extra one', { extraFields: { sender: '@a:b' } }, 'sender is no extra field'],
    ['unsigned as an extra field', { extraFields: { unsigned: {} } }, 'unsigned is no extra field'],
    ['an event ID where it is a hash', { eventId: '$a:b' }, 'must not bring its ID'],
    ['too many prev_events', { prevEvents: Array(21).fill('$p') }, '21 prev_events'],
  ])('%s as our own mistake', (_story, change, message) => {
    expect(() => buildEvent(draftFor('12', change), version('12'), signer)).toThrow(message);
  });
});

function draftFor(id: RoomVersionId, change: Partial<EventDraft> & { content?: JsonObject }): EventDraft {
  const isEarly = id === '1' || id === '2';
  return {
    roomId: '!room:hs1',
    sender: '@alice:hs1',
    type: 'm.room.message',
    content: { msgtype: 'm.text', body: 'Hello' },
    prevEvents: [isEarly ? '$p:hs1' : `$${HASH}`],
    authEvents: [isEarly ? '$c:hs1' : `$${HASH}`],
    depth: 5,
    originServerTs: 1_800_000_000_000,
    ...(isEarly && {
      eventId: '$new:hs1',
      referenceHashes: new Map([
        ['$p:hs1', HASH],
        ['$c:hs1', HASH],
      ]),
    }),
    ...change,
  };
}

function version(id: RoomVersionId): RoomVersion {
  return findRoomVersion(id) as RoomVersion;
}
