import { roomPath, say, sees, sharedRoom } from '../room-actions.ts';
import type { Story } from '../story.ts';

/** What is not kept: typing, receipts, presence. */
export const EPHEMERAL_STORIES: readonly Story[] = [
  {
    name: 'typing',
    versions: 'newest',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      for (const [typist, watcher] of [
        [owner, guest],
        [guest, owner],
      ] as const) {
        const path = roomPath(roomId, `typing/${encodeURIComponent(typist.userId)}`);
        await typist.v3('PUT', path, { typing: true, timeout: 30_000 });
        await watcher.until('typing', (view) => view.room(roomId).typing.includes(typist.userId));
        await typist.v3('PUT', path, { typing: false });
        await watcher.until('the end of typing', (view) => !view.room(roomId).typing.includes(typist.userId));
      }
    },
  },
  {
    name: 'receipts',
    versions: 'newest',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      for (const [writer, reader] of [
        [owner, guest],
        [guest, owner],
      ] as const) {
        const eventId = await say(writer, roomId, 'read me');
        await sees(reader, roomId, eventId);
        await reader.v3('POST', roomPath(roomId, `receipt/m.read/${encodeURIComponent(eventId)}`), {});
        await writer.until('the receipt', (view) => view.room(roomId).receipts.has(`${eventId} ${reader.userId}`));
      }
    },
  },
];
