import type { JsonObject } from '@limpet/protocol/json';
import { assertEqual } from '../assert-equal.ts';
import type { InteropUser } from '../interop-user.ts';
import { createRoom, join, redact, say, sees, sharedRoom, stick } from '../room-actions.ts';
import type { Story } from '../story.ts';
import { objectOf } from '../sync-view.ts';

/** MSC4354 between the two. */
export const STICKY_STORIES: readonly Story[] = [
  {
    name: 'a sticky event each way',
    versions: 'each',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      const ofOwner = await stick(owner, roomId, 'home');
      const ofGuest = await stick(guest, roomId, 'away');
      assertSticky(await sees(guest, roomId, ofOwner));
      assertSticky(await sees(owner, roomId, ofGuest));
    },
  },
  {
    name: 'sticky events behind a gap',
    versions: 'newest',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      // Clients that are away while much is said, with a timeline that holds little of it.
      const [awayOwner, awayGuest] = [owner, guest].map((user) => user.afresh(5)) as [InteropUser, InteropUser];
      await awayOwner.sync();
      await awayGuest.sync();
      const ofOwner = await stick(owner, roomId, 'home');
      const ofGuest = await stick(guest, roomId, 'away');
      let last = '';
      for (let count = 0; count < 30; count++) last = await say(count % 2 ? guest : owner, roomId, `message ${count}`);
      await sees(owner, roomId, last);
      await sees(guest, roomId, last);
      assertSticky(await sees(awayGuest, roomId, ofOwner));
      assertSticky(await sees(awayOwner, roomId, ofGuest));
      for (const user of [awayOwner, awayGuest]) {
        const { sticky, timeline } = user.view.room(roomId);
        const seen = [...sticky, ...timeline].filter(({ event_id }) => event_id === ofOwner || event_id === ofGuest);
        assertEqual('how often the two were seen', seen.length, 2);
      }
    },
  },
  {
    name: 'a server that joins later gets what is sticky',
    versions: 'each',
    unfit: {
      role: 'home',
      label: 'Synapse',
      why: 'it pushes to servers that it could not reach, not to those that join later',
    },
    async tell(world) {
      const owner = await world.user(world.home, 'owner');
      const guest = (await world.user(world.away, 'guest')).afresh(5);
      const roomId = await createRoom(owner, world);
      const ids = [await stick(owner, roomId, 'one'), await stick(owner, roomId, 'two')];
      for (let count = 0; count < 30; count++) await say(owner, roomId, `message ${count}`);
      await join(guest, roomId, world.home);
      for (const id of ids) assertSticky(await sees(guest, roomId, id));
    },
  },
  {
    name: 'a redacted sticky event is gone',
    versions: 'newest',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      const eventId = await stick(owner, roomId, 'home');
      await sees(guest, roomId, eventId);
      await sees(guest, roomId, await redact(owner, roomId, eventId));
      const late = await world.user(world.away, 'late');
      await join(late, roomId, world.away);
      await late.until('the room', (view) => view.isJoined(roomId));
      await late.sync();
      const { sticky } = late.view.room(roomId);
      assertEqual('what is sticky', sticky.map(({ event_id }) => event_id).includes(eventId), false);
    },
  },
];

function assertSticky(event: JsonObject): void {
  assertEqual('the sticky field', event.msc4354_sticky, { duration_ms: 600_000 });
  const left = objectOf(event.unsigned).msc4354_sticky_duration_ttl_ms;
  if (typeof left !== 'number' || left <= 0 || left > 600_000) throw new Error(`What is left of it was ${left}`);
}
