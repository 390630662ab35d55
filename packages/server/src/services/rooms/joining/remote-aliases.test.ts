import { parseRoomAlias } from '@limpet/protocol/identifiers';
import { expect, test } from 'vitest';
import { fakeRemoteServers } from '../../../../tests/support/fake-remote-servers.ts';
import { FakeResident } from '../../../../tests/support/fake-resident.ts';
import { RemoteAliases } from './remote-aliases.ts';

test('who looks up more aliases at once than there is room for is told to come back (H3)', async () => {
  const far = new FakeResident('far');
  let answer = () => {};
  const slow = new Promise<void>((resolve) => {
    answer = resolve;
  });
  far.lie('query', async (given) => {
    await slow;
    return given;
  });
  const aliases = new RemoteAliases(fakeRemoteServers([far]), 'here');
  const waiting = Array.from({ length: 200 }, () => aliases.resolve(parseRoomAlias('#far:far')));
  await expect(aliases.resolve(parseRoomAlias('#far:far'))).rejects.toMatchObject({ errcode: 'M_LIMIT_EXCEEDED' });
  answer();
  expect(new Set((await Promise.all(waiting)).map(({ roomId }) => roomId))).toEqual(new Set([far.roomId]));
  expect((await aliases.resolve(parseRoomAlias('#far:far'))).servers).toEqual(['far']);
});

test('an answer names servers that can be asked, and no more of them than will be', async () => {
  const far = new FakeResident('far');
  const named = ['here', 7, 'no server', ...Array.from({ length: 1_000 }, (_, index) => `s${index}`)];
  far.lie('query', () => ({ status: 200, body: { room_id: far.roomId, servers: named } }));
  const { servers } = await new RemoteAliases(fakeRemoteServers([far]), 'here').resolve(parseRoomAlias('#far:far'));
  expect(servers).toEqual(Array.from({ length: 10 }, (_, index) => `s${index}`));
});
