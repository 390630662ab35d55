import { parseServerName } from '@limpet/protocol/identifiers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { noNetwork } from '../../../tests/support/no-network.ts';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import type { Storage } from '../../storage/storage.ts';
import { AccessTokens } from './access-tokens.ts';
import { type Accounts, createAccounts } from './accounts.ts';
import { LastSeen } from './last-seen.ts';
import { CHEAP_PASSWORD_COST } from './password-hasher.ts';
import type { Session } from './sessions.ts';

let storage: Storage;
let accounts: Accounts;
let session: Session;
const world = createManualWorld();
const platform = { clock: world.clock, timers: world.timers, random: seededRandom(7), log: silentLog, ...noNetwork };

beforeEach(async () => {
  storage = await openTestStorage();
  accounts = createAccounts({
    storage,
    platform,
    serverName: parseServerName('hs'),
    registrationMode: 'open',
    takesGuests: false,
    registrationSharedSecret: undefined,
    tokenLifetimes: { accessTokenMs: 300_000, refreshTokenMs: undefined },
    passwordCost: CHEAP_PASSWORD_COST,
    otherProfiles: { get: async () => ({}) },
    onProfileChange: async () => {},
    onDeactivate: async () => {},
  });
  const device = { deviceId: 'PHONE', displayName: undefined, clientAddress: undefined };
  const registered = await accounts.registration.register({ username: 'alice', password: 'wonderland', device });
  if (registered.session === undefined) throw new Error('no session');
  session = registered.session;
});

afterEach(async () => {
  await accounts.lastSeen.flush();
  await storage.close();
});

test('a token is read once and then known', async () => {
  const { reads } = storage.tally;
  for (let request = 0; request < 10; request++) {
    expect(await accounts.accessTokens.verify(session.accessToken)).toMatchObject(session);
  }
  expect(storage.tally.reads).toBe(reads + 1);
});

test('a token that is looked up while its session ends is not known afterwards', async () => {
  // The look-up reads the row; the session ends before the look-up goes on.
  let goOn = () => {};
  const hold = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const slowStorage = new Proxy(storage, {
    get(target, name) {
      if (name !== 'read') return Reflect.get(target, name, target);
      return async (...request: Parameters<Storage['read']>) => {
        const rows = await target.read(...request);
        await hold;
        return rows;
      };
    },
  });
  const tokens = new AccessTokens(slowStorage, platform.clock, new LastSeen(storage, platform));
  const lookingUp = tokens.verify(session.accessToken);
  await storage.write((transaction) => transaction.run({ text: 'delete from access_tokens' }, {}));
  tokens.drop([]);
  goOn();
  await lookingUp;
  expect(await tokens.verify(session.accessToken)).toBeUndefined();
});

test('an expired token is refused, and its session goes on', async () => {
  const expiresTs = world.clock.nowMs() + 1_000;
  const text = 'update access_tokens set expires_ts = :expiresTs';
  await storage.write((transaction) => transaction.run({ text }, { expiresTs }));
  expect(await accounts.accessTokens.verify(session.accessToken)).toMatchObject(session);
  world.advance(1_000);
  const refusal = { errcode: 'M_UNKNOWN_TOKEN', extra: { soft_logout: true } };
  await expect(accounts.accessTokens.verify(session.accessToken)).rejects.toMatchObject(refusal);
});

test('a login does not outlive the reset that overtook it', async () => {
  const before = await accounts.users.find(session.userId);
  await accounts.accountChanges.setPassword(session.userId, 'another password', 'all');
  const device = { deviceId: undefined, displayName: undefined, clientAddress: undefined };
  const late = accounts.sessions.open(session.userId, device, before?.passwordHash ?? '');
  await expect(late).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' });
  expect(await accounts.devices.list(session.userId)).toEqual([]);
});

test('an account that ended takes no new password', async () => {
  await accounts.accountChanges.deactivate(session.userId, { erase: false });
  const change = accounts.accountChanges.setPassword(session.userId, 'another password', 'none');
  await expect(change).rejects.toMatchObject({ errcode: 'M_NOT_FOUND' });
});
