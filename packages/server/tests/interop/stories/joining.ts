import { assertEqual, assertRefused } from '../assert-equal.ts';
import {
  act,
  agree,
  createRoom,
  history,
  join,
  knock,
  leave,
  say,
  sees,
  setState,
  sharedRoom,
} from '../room-actions.ts';
import type { Story } from '../story.ts';

/** How users of one server come into rooms of the other, and out again. */
export const JOINING_STORIES: readonly Story[] = [
  {
    name: 'join a public room',
    versions: 'each',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      await agree(owner, guest, roomId);
      assertEqual('the owner as the guest sees him', guest.view.membership(roomId, owner.userId), 'join');
      await sees(owner, roomId, await say(guest, roomId, 'good morning'));
      await sees(guest, roomId, await say(owner, roomId, 'good evening'));
    },
  },
  {
    name: 'join by alias',
    versions: 'each',
    async tell(world) {
      const owner = await world.user(world.home, 'owner');
      const guest = await world.user(world.away, 'guest');
      const name = `room-${world.unique}`;
      const roomId = await createRoom(owner, world, { room_alias_name: name });
      const alias = `#${name}:${world.home.serverName}`;
      // Without naming a server: the alias does.
      const answer = await guest.v3('POST', `/join/${encodeURIComponent(alias)}`, {});
      assertEqual('the room of the alias', answer.room_id, roomId);
      await agree(owner, guest, roomId);
    },
  },
  {
    name: 'invite and join',
    versions: 'each',
    async tell(world) {
      const owner = await world.user(world.home, 'owner');
      const guest = await world.user(world.away, 'guest');
      const roomId = await createRoom(owner, world, { preset: 'private_chat', name: 'For the invited' });
      await assertRefused('a join without an invite', 403, () => join(guest, roomId, world.home));
      await act(owner, 'invite', roomId, guest);
      const state = await guest.until('the invite', (view) => view.invited.get(roomId));
      const named = state.find(({ type }) => type === 'm.room.name');
      assertEqual('the name in the invite', (named?.content as { name?: string })?.name, 'For the invited');
      await guest.v3('POST', `/rooms/${encodeURIComponent(roomId)}/join`, {});
      await owner.until('the guest joins', (view) => view.membership(roomId, guest.userId) === 'join');
      await agree(owner, guest, roomId);
      await sees(owner, roomId, await say(guest, roomId, 'thank you'));
    },
  },
  {
    name: 'create with an invite, decline',
    versions: 'each',
    async tell(world) {
      const owner = await world.user(world.home, 'owner');
      const guest = await world.user(world.away, 'guest');
      const roomId = await createRoom(owner, world, {
        preset: 'trusted_private_chat',
        invite: [guest.userId],
        is_direct: true,
      });
      await guest.until('the invite', (view) => view.invited.has(roomId));
      await leave(guest, roomId);
      await owner.until('the invite is declined', (view) => view.membership(roomId, guest.userId) === 'leave');
      await guest.until('the room is left', (view) => view.left.has(roomId));
    },
  },
  {
    name: 'withdraw an invite',
    versions: 'newest',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      const late = await world.user(world.away, 'late');
      await act(owner, 'invite', roomId, late);
      await late.until('the invite', (view) => view.invited.has(roomId));
      await act(owner, 'kick', roomId, late);
      await late.until('the invite is gone', (view) => !view.invited.has(roomId));
      await guest.until('it is gone for others, too', (view) => view.membership(roomId, late.userId) === 'leave');
    },
  },
  {
    name: 'leave and come back',
    versions: 'each',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      await leave(guest, roomId);
      await owner.until('the guest leaves', (view) => view.membership(roomId, guest.userId) === 'leave');
      await say(owner, roomId, 'while nobody was there');
      await join(guest, roomId, world.home);
      await owner.until('the guest is back', (view) => view.membership(roomId, guest.userId) === 'join');
      await agree(owner, guest, roomId);
      await guest.eventually('what was said meanwhile', async () =>
        (await history(guest, roomId)).includes('while nobody was there'),
      );
      await sees(owner, roomId, await say(guest, roomId, 'back again'));
    },
  },
  {
    name: 'knock and be let in',
    versions: 'each',
    async tell(world) {
      const owner = await world.user(world.home, 'owner');
      const guest = await world.user(world.away, 'guest');
      const roomId = await createRoom(owner, world, { preset: 'private_chat' });
      await setState(owner, roomId, 'm.room.join_rules', { join_rule: 'knock' });
      await knock(guest, roomId, world.home);
      await owner.until('the knock', (view) => view.membership(roomId, guest.userId) === 'knock');
      await guest.until('the own knock', (view) => view.knocked.has(roomId));
      await act(owner, 'invite', roomId, guest);
      await guest.until('the invite', (view) => view.invited.has(roomId));
      await join(guest, roomId, world.home);
      await agree(owner, guest, roomId);
    },
  },
  {
    name: 'join a restricted room',
    versions: 'each',
    async tell(world) {
      const { owner, guest, roomId: spaceId } = await sharedRoom(world);
      const roomId = await createRoom(owner, world, { preset: 'private_chat' });
      const allow = [{ type: 'm.room_membership', room_id: spaceId }];
      await setState(owner, roomId, 'm.room.join_rules', { join_rule: 'restricted', allow });
      const stranger = await world.user(world.away, 'stranger');
      await assertRefused('who is not in the space', 403, () => join(stranger, roomId, world.home));
      await join(guest, roomId, world.home);
      await owner.until('the guest joins', (view) => view.membership(roomId, guest.userId) === 'join');
      await agree(owner, guest, roomId);
    },
  },
  {
    name: 'history before the join',
    versions: 'each',
    async tell(world) {
      const owner = await world.user(world.home, 'owner');
      const guest = await world.user(world.away, 'guest');
      const roomId = await createRoom(owner, world);
      const said: string[] = [];
      for (let count = 1; count <= 60; count++) {
        said.push(`message ${count}`);
        await say(owner, roomId, `message ${count}`);
      }
      await join(guest, roomId, world.home);
      // A server may fetch more behind the first answer.
      await guest.eventually(
        'all that was said before the join',
        async () => JSON.stringify(await history(guest, roomId)) === JSON.stringify(said),
      );
    },
  },
];
