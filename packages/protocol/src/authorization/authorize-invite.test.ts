import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../json.ts';
import { signingKeyFromSeed, signJson } from '../signing.ts';
import {
  ALICE,
  BOB,
  CAROL,
  type EventSketch,
  member,
  memberRule,
  powerLevels,
  type RuleCase,
  testRules,
} from './tests/test-room.ts';
import { isSignedByAnyKey } from './third-party-signature.ts';

const identityKey = signingKeyFromSeed('ed25519:0', new Uint8Array(32).fill(1));
const otherKey = signingKeyFromSeed('ed25519:0', new Uint8Array(32).fill(2));

const claim: JsonObject = { mxid: BOB, token: 'secret' };
const signed = signJson(claim, 'identity.test', identityKey);

/** Carol is not in the room: who sent the third-party invite once needs no membership for what follows from it. */
function inviteOfBob(thirdPartyInvite: JsonValue, more: Partial<EventSketch> = {}): EventSketch {
  return member(BOB, 'invite', { sender: CAROL, ...more, content: { third_party_invite: thirdPartyInvite } });
}

function thirdPartyInvite(content: JsonObject, sender = CAROL): EventSketch {
  return { type: 'm.room.third_party_invite', stateKey: 'secret', sender, content };
}

const state = [thirdPartyInvite({ public_key: identityKey.publicKeyBase64 })];

describe('rules 5.4.2 to 5.4.5: an invite by user ID', () => {
  const invite = member(BOB, 'invite', { sender: ALICE });
  testRules([
    {
      rule: memberRule('invite', '.2'),
      story: 'somebody outside the room invites',
      event: member(BOB, 'invite', { sender: CAROL }),
      refused: /@carol:away.test is not joined/,
    },
    {
      rule: memberRule('invite', '.3'),
      story: 'a member is invited',
      state: [member(BOB, 'join')],
      event: invite,
      refused: /already joined/,
    },
    {
      rule: memberRule('invite', '.3'),
      story: 'somebody banned is invited',
      state: [member(BOB, 'ban')],
      event: invite,
      refused: /is banned/,
    },
    { rule: memberRule('invite', '.4'), story: 'a member invites', event: invite },
    {
      rule: memberRule('invite', '.4'),
      story: 'a member invites who knocked',
      state: [member(BOB, 'knock')],
      event: invite,
    },
    {
      rule: memberRule('invite', '.5'),
      story: 'who lacks the invite level invites',
      state: [member(CAROL, 'join'), powerLevels({ invite: 50, users: { [CAROL]: 49 } })],
      event: member(BOB, 'invite', { sender: CAROL }),
      refused: /Inviting takes power level 50; @carol:away.test has 49/,
    },
  ]);
});

describe('rule 5.4.1: an invite by a third party', () => {
  const rule = (number: number) => memberRule('invite', `.1.${number}`);
  const unsigned = ['text', null, {}, { signed: 'text' }, { signed: [] }].map((content) => ({
    rule: rule(2),
    story: `no object signed: ${JSON.stringify(content)}`,
    state,
    event: inviteOfBob(content),
    refused: /no object signed/,
  }));
  const incomplete = [{ mxid: BOB }, { token: 'secret' }, { mxid: 1, token: 'secret' }, { mxid: BOB, token: {} }].map(
    (content) => ({
      rule: rule(3),
      story: `mxid or token is missing: ${JSON.stringify(content)}`,
      state,
      event: inviteOfBob({ signed: content }),
      refused: /lacks mxid or token/,
    }),
  );
  testRules([
    {
      rule: rule(1),
      story: 'the target is banned',
      state: [...state, member(BOB, 'ban')],
      event: inviteOfBob({ signed }),
      refused: /is banned/,
    },
    ...unsigned,
    ...incomplete,
    {
      rule: rule(4),
      story: 'signed for another user',
      state,
      event: inviteOfBob({ signed }, { stateKey: '@dave:home.test' }),
      refused: /signed for @bob:home.test, not for @dave:home.test/,
    },
    { rule: rule(5), story: 'no such invite', event: inviteOfBob({ signed }), refused: /no third-party invite/ },
    {
      rule: rule(6),
      story: "another sender than the invite's",
      state,
      event: inviteOfBob({ signed }, { sender: BOB }),
      refused: /is of @carol:away.test/,
    },
    ...signatureCases(rule(7), rule(8)),
  ]);
});

function signatureCases(allowing: RuleCase['rule'], refusing: RuleCase['rule']): RuleCase[] {
  const event = inviteOfBob({ signed });
  const good = identityKey.publicKeyBase64;
  const bad = otherKey.publicKeyBase64;
  const allowed: Record<string, JsonObject> = {
    'by public_key': { public_key: good },
    'by public_keys': { public_keys: [{ public_key: bad }, { public_key: good, key_validity_url: 'https://x' }] },
    'by public_keys, with another public_key': { public_key: bad, public_keys: [{ public_key: good }] },
    'by a key in the alphabet of URLs': { public_key: Buffer.from(good, 'base64').toString('base64url') },
  };
  const refused: Record<string, JsonObject> = {
    'by another key': { public_key: bad },
    'no keys': {},
    'keys that are none': { public_key: 'short', public_keys: [good, null, { public_key: 7 }] },
    'public_keys is no list': { public_keys: { public_key: good } },
  };
  const forged = { ...signed, mxid: BOB, extra: 1 };
  return [
    ...Object.entries(allowed).map(([story, content]) => ({
      rule: allowing,
      story,
      state: [thirdPartyInvite(content)],
      event,
    })),
    ...Object.entries(refused).map(([story, content]) => ({
      rule: refusing,
      story,
      state: [thirdPartyInvite(content)],
      event,
      refused: /not signed by any/,
    })),
    { rule: refusing, story: 'no signatures', state, event: inviteOfBob({ signed: claim }), refused: /not signed by/ },
    {
      rule: refusing,
      story: 'a changed text',
      state,
      event: inviteOfBob({ signed: forged }),
      refused: /not signed by/,
    },
  ];
}

describe('isSignedByAnyKey', () => {
  test('signatures of any server and key name count, and `unsigned` is not part of the text', () => {
    const signatures = { 'x.test': { 'ed25519:9': signatureOf(signed) }, 'y.test': 'text' };
    expect(isSignedByAnyKey({ ...claim, unsigned: { age: 1 }, signatures }, [identityKey.publicKeyBase64])).toBe(true);
  });

  test('a signature of another algorithm or length is passed over', () => {
    for (const [keyId, signature] of [
      ['rsa:0', signatureOf(signed)],
      ['ed25519:0', signatureOf(signed).slice(0, 40)],
      ['ed25519:0', '???'],
    ]) {
      const signatures = { 'x.test': { [keyId as string]: signature as string } };
      expect(isSignedByAnyKey({ ...claim, signatures }, [identityKey.publicKeyBase64])).toBe(false);
    }
  });

  test('after 256 pairs of signature and key the rest is not tried', () => {
    const wrong = signatureOf(signJson(claim, 'identity.test', otherKey));
    const many = Object.fromEntries(Array.from({ length: 256 }, (_, n) => [`s${n}.test`, { 'ed25519:0': wrong }]));
    const last = { 'ed25519:0': signatureOf(signed) };
    const keys = [identityKey.publicKeyBase64];
    expect(isSignedByAnyKey({ ...claim, signatures: { first: last, ...many } }, keys)).toBe(true);
    expect(isSignedByAnyKey({ ...claim, signatures: { ...many, last } }, keys)).toBe(false);
    const wrongKeys = Array.from({ length: 256 }, () => otherKey.publicKeyBase64);
    expect(isSignedByAnyKey(signed, [...wrongKeys.slice(1), ...keys])).toBe(true);
    expect(isSignedByAnyKey(signed, [...wrongKeys, ...keys])).toBe(false);
  });
});

function signatureOf(object: JsonObject): string {
  return (object.signatures as Record<string, Record<string, string>>)['identity.test']?.['ed25519:0'] ?? '';
}
