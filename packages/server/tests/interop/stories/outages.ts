import { assertEqual } from '../assert-equal.ts';
import { act, agree, empower, join, say, sees, setState, sharedRoom, stateContent, stick } from '../room-actions.ts';
import type { Story } from '../story.ts';

/** Both servers stop and start, and what was sent meanwhile waits. */
const MAX_OUTAGE_STORY_MS = 240_000;
/** After a start: a back-off of the other side may still be running. */
const MAX_CATCH_UP_MS = 90_000;

export const OUTAGE_STORIES: readonly Story[] = [
  {
    name: 'a server that was stopped catches up',
    versions: 'each',
    maxMs: MAX_OUTAGE_STORY_MS,
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      await world.away.stop();
      const sticky: string[] = [];
      let last = '';
      for (let count = 0; count < 25; count++) {
        if (count % 5 === 0) sticky.push(await stick(owner, roomId, `key ${count}`));
        last = await say(owner, roomId, `while you were away ${count}`);
      }
      await world.away.start();
      // Synapse wakes up by itself only once in minutes; hearing from a server makes it try at once.
      await say(guest, roomId, 'here again');
      await sees(guest, roomId, last, MAX_CATCH_UP_MS);
      for (const id of sticky) await sees(guest, roomId, id, MAX_CATCH_UP_MS);
      await agree(owner, guest, roomId);
    },
  },
  {
    name: 'sticky events of a server that was unreachable',
    versions: 'newest',
    maxMs: MAX_OUTAGE_STORY_MS,
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      const awayGuest = guest.afresh(5);
      await awayGuest.sync();
      await world.away.stop();
      const sticky = [await stick(owner, roomId, 'one'), await stick(owner, roomId, 'two')];
      for (let count = 0; count < 120; count++) await say(owner, roomId, `much else ${count}`);
      await world.away.start();
      await say(guest, roomId, 'here again');
      // Catching up as the specification has it brings the newest event alone; these come for their stickiness.
      for (const id of sticky) await sees(awayGuest, roomId, id, MAX_CATCH_UP_MS);
    },
  },
  {
    name: 'a fork of the state is mended',
    versions: 'each',
    maxMs: MAX_OUTAGE_STORY_MS,
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      const other = await world.user(world.home, 'other');
      await join(other, roomId, world.home);
      await sees(guest, roomId, await empower(owner, roomId, guest, 50));
      await guest.until('the other one', (view) => view.membership(roomId, other.userId) === 'join');

      await world.away.stop();
      await setState(owner, roomId, 'm.room.topic', { topic: 'of the owner' });
      await setState(owner, roomId, 'm.room.name', { name: 'Named by the owner' });
      await world.home.stop();
      await world.away.start();
      await setState(guest, roomId, 'm.room.topic', { topic: 'of the guest' });
      await setState(guest, roomId, 'org.example.free', { by: 'the guest' });
      await act(guest, 'kick', roomId, other);
      await world.home.start();

      // What each says next has the other's branch as its past, once it has come over.
      await sees(guest, roomId, await say(owner, roomId, 'of home'), MAX_CATCH_UP_MS);
      await sees(owner, roomId, await say(guest, roomId, 'of away'), MAX_CATCH_UP_MS);
      await agree(owner, guest, roomId, MAX_CATCH_UP_MS);
      assertEqual('the name', await stateContent(guest, roomId, 'm.room.name'), { name: 'Named by the owner' });
      assertEqual('the free state', await stateContent(owner, roomId, 'org.example.free'), { by: 'the guest' });
      const member = await stateContent(owner, roomId, 'm.room.member', other.userId);
      assertEqual('the membership of who was kicked', member.membership, 'leave');
      await sees(guest, roomId, await say(owner, roomId, 'agreed'));
    },
  },
];
