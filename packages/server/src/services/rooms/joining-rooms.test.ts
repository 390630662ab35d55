import { describe, expect, test } from 'vitest';
import { JoiningRooms } from './joining-rooms.ts';

const ROOM = '!room:far';

describe('rooms that are being joined (E2)', () => {
  test('end with the last of the joins, and tell whoever waits', () => {
    const joining = new JoiningRooms();
    const ended: string[] = [];
    joining.onEnd((roomId) => ended.push(roomId));
    joining.begin(ROOM);
    joining.begin(ROOM);
    joining.end(ROOM);
    expect(joining.has(ROOM)).toBe(true);
    expect(ended).toEqual([]);
    joining.end(ROOM);
    expect(joining.has(ROOM)).toBe(false);
    expect(ended).toEqual([ROOM]);
  });

  test('have left the list when the listener is told, so that it may take what has waited', () => {
    const joining = new JoiningRooms();
    const seen: boolean[] = [];
    joining.onEnd((roomId) => seen.push(joining.has(roomId)));
    joining.begin(ROOM);
    joining.end(ROOM);
    expect(seen).toEqual([false]);
  });

  test('tell nobody who has stopped listening', () => {
    const joining = new JoiningRooms();
    const ended: string[] = [];
    const stop = joining.onEnd((roomId) => ended.push(roomId));
    stop();
    joining.begin(ROOM);
    joining.end(ROOM);
    expect(ended).toEqual([]);
  });
});
