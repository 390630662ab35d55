import { parseServerName, parseUserId } from '@limpet/protocol/identifiers';
import { expect, test } from 'vitest';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { CHEAP_PASSWORD_COST, PasswordHasher } from './password-hasher.ts';
import { type MemberProfile, Profiles } from './profiles.ts';
import { Users } from './users.ts';

const alice = parseUserId('@alice:hs');

test('a new name or picture is told to the rooms, whole, in order and one by one', async () => {
  const storage = await openTestStorage();
  const serverName = parseServerName('hs');
  const users = new Users(storage, serverName, new PasswordHasher(seededRandom(1), CHEAP_PASSWORD_COST));
  const told: MemberProfile[] = [];
  let underWay = 0;
  const profiles = new Profiles({
    storage,
    serverName,
    users,
    others: { get: async () => ({}) },
    onProfileChange: async (_userId, profile) => {
      expect(++underWay).toBe(1);
      await Promise.resolve();
      told.push(profile);
      underWay--;
    },
  });
  const avatarUrl = 'mxc://hs/a';
  await Promise.all([
    profiles.setField(alice, 'displayname', 'Alice'),
    profiles.setField(alice, 'm.tz', 'Europe/Berlin'),
    profiles.setField(alice, 'avatar_url', avatarUrl),
    profiles.setField(alice, 'displayname', ''),
    profiles.deleteField(alice, 'displayname'),
  ]);
  expect(told).toEqual([
    { displayName: 'Alice', avatarUrl: undefined },
    { displayName: 'Alice', avatarUrl },
    { displayName: undefined, avatarUrl },
  ]);
  expect(await profiles.memberProfile(alice)).toEqual({ displayName: undefined, avatarUrl });
  await storage.close();
});
