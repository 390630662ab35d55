import { assertEqual, assertRefused } from '../assert-equal.ts';
import {
  act,
  agree,
  empower,
  getEvent,
  join,
  redact,
  say,
  sees,
  setState,
  sharedRoom,
  stateContent,
} from '../room-actions.ts';
import type { Story } from '../story.ts';
import { objectOf } from '../sync-view.ts';

/** What goes on in a room that both servers are in. */
export const ROOM_STORIES: readonly Story[] = [
  {
    name: 'messages',
    versions: 'each',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      const sent: string[] = [];
      for (let count = 0; count < 10; count++) {
        const [speaker, listener] = count % 2 === 0 ? [owner, guest] : [guest, owner];
        const eventId = await say(speaker, roomId, `message ${count}`);
        sent.push(eventId);
        const event = await sees(listener, roomId, eventId);
        assertEqual('the text', objectOf(event.content).body, `message ${count}`);
        assertEqual('the sender', event.sender, speaker.userId);
      }
      for (const user of [owner, guest]) {
        await sees(user, roomId, sent.at(-1) ?? '');
        const seen = user.view.room(roomId).timeline.map(({ event_id }) => String(event_id));
        assertEqual(
          `the order of ${user.userId}`,
          seen.filter((id) => sent.includes(id)),
          sent,
        );
      }
    },
  },
  {
    name: 'many messages at once',
    versions: 'newest',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      const ids = await Promise.all(
        Array.from({ length: 60 }, (_, count) => say(count % 2 === 0 ? owner : guest, roomId, `at once ${count}`)),
      );
      for (const user of [owner, guest]) {
        for (const id of ids) await sees(user, roomId, id);
        const seen = user.view.room(roomId).timeline.filter(({ event_id }) => ids.includes(String(event_id)));
        assertEqual('how often each was seen', seen.length, ids.length);
      }
    },
  },
  {
    name: 'redactions',
    versions: 'each',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      const ofGuest = await say(guest, roomId, 'not for everybody');
      const alsoOfGuest = await say(guest, roomId, 'a slip');
      await sees(owner, roomId, ofGuest);
      await sees(owner, roomId, alsoOfGuest);
      // By its sender, and by who has the power.
      await sees(owner, roomId, await redact(guest, roomId, alsoOfGuest));
      await sees(guest, roomId, await redact(owner, roomId, ofGuest));
      for (const user of [owner, guest]) {
        for (const eventId of [ofGuest, alsoOfGuest]) {
          const event = await getEvent(user, roomId, eventId);
          assertEqual(`content of a redacted event for ${user.userId}`, event.content, {});
          if (objectOf(event.unsigned).redacted_because === undefined) throw new Error('redacted_because is missing');
        }
      }
      const ofOwner = await say(owner, roomId, 'the word of the owner');
      await sees(guest, roomId, ofOwner);
      await assertRefused('a redaction without the power', 403, () => redact(guest, roomId, ofOwner));
    },
  },
  {
    name: 'kick, ban and unban',
    versions: 'each',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      await act(owner, 'kick', roomId, guest);
      await guest.until('the kick', (view) => view.left.has(roomId));
      await join(guest, roomId, world.home);
      await owner.until('the guest is back', (view) => view.membership(roomId, guest.userId) === 'join');
      await guest.until('the room again', (view) => view.isJoined(roomId));
      await act(owner, 'ban', roomId, guest);
      await guest.until('the ban', (view) => view.left.has(roomId));
      await assertRefused('a join of a banned user', 403, () => join(guest, roomId, world.home));
      await act(owner, 'unban', roomId, guest);
      await guest.eventually('the room is open again', async () => (await join(guest, roomId, world.home)) === roomId);
      await agree(owner, guest, roomId);
    },
  },
  {
    name: 'a moderator of the other server',
    versions: 'each',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      const other = await world.user(world.home, 'other');
      await join(other, roomId, world.home);
      await assertRefused('a kick without the power', 403, () => act(guest, 'kick', roomId, owner));
      await sees(guest, roomId, await empower(owner, roomId, guest, 50));
      await guest.until('the other one', (view) => view.membership(roomId, other.userId) === 'join');
      await act(guest, 'kick', roomId, other);
      await other.until('the kick', (view) => view.left.has(roomId));
      await owner.until('the kick of the other', (view) => view.membership(roomId, other.userId) === 'leave');
      await agree(owner, guest, roomId);
    },
  },
  {
    name: 'room state',
    versions: 'each',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world, { name: 'A room', topic: 'Its topic' });
      assertEqual('the name', await stateContent(guest, roomId, 'm.room.name'), { name: 'A room' });
      await sees(guest, roomId, await setState(owner, roomId, 'm.room.name', { name: 'Another name' }));
      await sees(guest, roomId, await empower(owner, roomId, guest, 50));
      await sees(owner, roomId, await setState(guest, roomId, 'm.room.topic', { topic: 'of the guest' }));
      await sees(
        owner,
        roomId,
        await setState(guest, roomId, 'org.example.free', { nested: { list: [1, 'ü', null] } }),
      );
      for (const user of [owner, guest]) {
        assertEqual('the new name', await stateContent(user, roomId, 'm.room.name'), { name: 'Another name' });
        assertEqual('the free state', await stateContent(user, roomId, 'org.example.free'), {
          nested: { list: [1, 'ü', null] },
        });
      }
      await agree(owner, guest, roomId);
    },
  },
];
