import { MatrixError } from '@limpet/protocol/matrix-error';
import { expect, test } from 'vitest';
import type { RoomWriter } from './room-writer.ts';
import { Sending } from './sending.ts';

test('what is noted of an annotation under way is taken back once, also when it is decided anew', async () => {
  let underWay = 0;
  let checks = 0;
  const check = async () => {
    checks += 1;
    if (checks === 2) throw new MatrixError('M_DUPLICATE_ANNOTATION', 'Somebody was faster.');
    underWay += 1;
    return () => {
      underWay -= 1;
    };
  };
  const change = (async (_roomId, decide) => {
    await decide({ room: {} } as never);
    await decide({ room: {} } as never);
    return [];
  }) satisfies RoomWriter['change'];
  const sending = new Sending({ writer: { change }, relations: { check } } as never);
  const event = { sender: { userId: '@a:b' }, roomId: '!r:b', type: 'm.reaction', content: {} };
  await expect(sending.sendEvent(event)).rejects.toMatchObject({ errcode: 'M_DUPLICATE_ANNOTATION' });
  expect(underWay).toBe(0);
});
