import { describe, expect, test } from 'vitest';
import { buildEvent, type EventDraft } from './build-event.ts';
import { parsePdu, trustedPdu } from './parse-pdu.ts';
import type { Pdu } from './pdu.ts';
import { findRoomVersion, type RoomVersion } from './room-version.ts';
import { signEvent, signingKeyFromSeed } from './signing.ts';
import { signingServersOf, verifyEvent } from './verify-event.ts';

const v12 = findRoomVersion('12') as RoomVersion;
const v1 = findRoomVersion('1') as RoomVersion;
const hs1 = { serverName: 'hs1', key: signingKeyFromSeed('ed25519:1', Buffer.alloc(32, 1)) };
const hs2 = { serverName: 'hs2', key: signingKeyFromSeed('ed25519:1', Buffer.alloc(32, 2)) };
const keys = new Map([hs1, hs2].map(({ serverName, key }) => [serverName, new Map([[key.keyId, key.publicKey]])]));

const draft: EventDraft = {
  roomId: `!${'A'.repeat(43)}`,
  sender: '@alice:hs1',
  type: 'm.room.message',
  content: { body: 'Hello' },
  prevEvents: [],
  authEvents: [],
  depth: 1,
  originServerTs: 1,
};

const restrictedJoin: EventDraft = {
  ...draft,
  type: 'm.room.member',
  stateKey: '@alice:hs1',
  content: { membership: 'join', join_authorised_via_users_server: '@bob:hs2' },
};

describe('verifyEvent', () => {
  test('goes on with the redacted form when the content is not what was hashed', () => {
    const { pdu } = buildEvent({ ...draft, extraFields: { msc4354_sticky: { duration_ms: 5 } } }, v12, hs1);
    const forged = changed(pdu, { content: { body: 'Forged' } });
    const verified = verifyEvent(forged, v12, keys);
    expect(verified).toMatchObject({ allowed: true, isRedacted: true, pdu: { eventId: pdu.eventId, content: {} } });
    expect(verified.allowed && verified.pdu.json.msc4354_sticky).toBeUndefined(); // A3
  });

  test('a redacted copy still verifies, as itself', () => {
    const { pdu } = buildEvent(draft, v12, hs1);
    const verified = verifyEvent(changed(pdu, { content: { body: 'x' } }), v12, keys);
    const again = verified.allowed ? parsePdu(verified.pdu.json, v12) : undefined;
    expect(again).toMatchObject({ allowed: true, pdu: { eventId: pdu.eventId } });
  });

  test('refuses a changed field that redaction keeps, a wrong key and a missing signature', () => {
    const { pdu } = buildEvent(draft, v12, hs1);
    expect(verifyEvent(changed(pdu, { depth: 2 }), v12, keys)).toMatchObject({
      allowed: false,
      reason: expect.stringContaining('The signature of hs1 is wrong.'),
    });
    expect(verifyEvent(pdu, v12, new Map())).toMatchObject({
      reason: expect.stringContaining('No key of hs1 is known'),
    });
    const byOther = buildEvent(draft, v12, hs2).pdu;
    expect(verifyEvent(byOther, v12, keys)).toMatchObject({
      reason: expect.stringContaining('no Ed25519 signature of hs1'),
    });
  });

  test('a restricted join needs the signature of the authorising server as well', () => {
    const { pdu } = buildEvent(restrictedJoin, v12, hs1);
    expect(verifyEvent(pdu, v12, keys)).toMatchObject({ reason: expect.stringContaining('signature of hs2') });
    const signedByBoth = trustedPdu(signEvent(pdu.json, v12, 'hs2', hs2.key), v12);
    expect(signedByBoth.eventId).toBe(pdu.eventId);
    expect(verifyEvent(signedByBoth, v12, keys)).toMatchObject({ allowed: true, isRedacted: false });
  });
});

describe('signingServersOf', () => {
  const pdu = buildEvent(restrictedJoin, v12, hs1).pdu;

  test.each<[string, Pdu, RoomVersion, string[]]>([
    ['a restricted join', pdu, v12, ['hs1', 'hs2']],
    ['the same before there were any', pdu, findRoomVersion('7') as RoomVersion, ['hs1']],
    [
      'an authorising user in an event that is no join',
      { ...pdu, content: { ...pdu.content, membership: 'leave' } },
      v12,
      ['hs1'],
    ],
    [
      'an authorising user that is none',
      { ...pdu, content: { ...pdu.content, join_authorised_via_users_server: 'x' } },
      v12,
      ['hs1', 'x'],
    ],
    ['an invite', { ...pdu, content: { membership: 'invite' } }, v12, ['hs1']],
    ['an invite by a third party', { ...pdu, content: { membership: 'invite', third_party_invite: {} } }, v12, []],
    ['an event ID that another server chose', { ...pdu, type: 'x', eventId: '$e:hs3' }, v1, ['hs1', 'hs3']],
  ])('%s', (_story, event, version, servers) => {
    expect([...signingServersOf(event, version)]).toEqual(servers);
  });
});

function changed(pdu: Pdu, change: Record<string, never> | object): Pdu {
  return trustedPdu({ ...pdu.json, ...change }, v12, pdu.eventId);
}
