import { expect, test } from 'vitest';
import { createManualWorld } from '../../../../tests/support/manual-world.ts';
import { silentLog } from '../../../../tests/support/silent-log.ts';
import { createChangeStream } from '../../../storage/change-stream.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { RoomRecord } from '../../rooms/room-event.ts';
import { RoomActivity } from './room-activity.ts';

const WRITER = 1;
const ROOM = { nid: 7, roomId: '!a:b' } as RoomRecord;
type Row = { room_nid: number; last_position: number; bump_position: number };

test('what comes between two readers of a room is known, whichever of them is done last', async () => {
  const stream = createChangeStream(new Map([[WRITER, 5]]), silentLog);
  const reads: ((rows: Row[]) => void)[] = [];
  const storage = { stream, read: () => new Promise((resolve) => reads.push(resolve)) } as unknown as Storage;
  const activity = new RoomActivity(storage, createManualWorld().timers);
  const before = [{ room_nid: ROOM.nid, last_position: 5, bump_position: 5 }];

  const [quick, slow] = [activity.of([ROOM]), activity.of([ROOM])];
  reads[0]?.(before);
  expect((await quick).get(ROOM.nid)).toEqual({ last: 5, bump: 5 });
  const event = { eventNid: 9, sender: '@x:b', type: 'm.room.message', stateKey: undefined, isToBeSent: true };
  stream.publish(WRITER, 6, [{ kind: 'event', roomId: ROOM.roomId, writer: WRITER, position: 6, ...event }]);
  reads[1]?.(before);

  expect((await slow).get(ROOM.nid)).toEqual({ last: 6, bump: 6 });
  expect((await activity.of([ROOM])).get(ROOM.nid)).toEqual({ last: 6, bump: 6 });
});
