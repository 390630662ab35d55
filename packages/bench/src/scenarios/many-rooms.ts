import type { BenchContext } from '../bench-context.ts';
import { inParallel } from '../in-parallel.ts';
import type { Homeserver } from '../matrix/homeserver.ts';
import type { MatrixUser } from '../matrix/matrix-user.ts';

/** Who make the rooms, each with a connection; somebody else is in each room with the user that is measured. */
const MAKER_COUNT = 16;
/** So that a timeline has more to give than the making of the room. */
const MESSAGES_IN_A_ROOM = 3;

export interface ManyRooms {
  readonly reader: MatrixUser;
  readonly roomIds: readonly string[];
  /** Says something in the room with this number. */
  say(room: number, transactionId: string): Promise<void>;
  close(): void;
}

/** A user in `--user-rooms` rooms, as somebody is who has been about for years. */
export async function prepareManyRooms(
  { options, progress }: BenchContext,
  homeserver: Homeserver,
): Promise<ManyRooms> {
  const [reader, ...makers] = await homeserver.registerUsers(1 + MAKER_COUNT);
  if (reader === undefined) throw new Error('No user was registered');
  const roomIds: string[] = [];
  const makerOf = new Map<string, MatrixUser>();
  const bar = progress.begin(`${homeserver.subject.name}: making rooms`, options.userRooms);
  await inParallel(options.userRooms, makers.length, async (index, line) => {
    const maker = makers[line];
    if (maker === undefined) throw new Error('A line without a user');
    const roomId = await maker.createRoom();
    roomIds.push(roomId);
    makerOf.set(roomId, maker);
    for (let message = 0; message < MESSAGES_IN_A_ROOM; message++) {
      const transactionId = `first-${index}-${message}`;
      await maker.sendMessage(roomId, { msgtype: 'm.text', body: `Message ${message}` }, { transactionId });
    }
    bar.advance();
  });
  const joining = progress.begin(`${homeserver.subject.name}: joining them`, roomIds.length);
  for (const roomId of roomIds) {
    await reader.join(roomId);
    joining.advance();
  }
  return {
    reader,
    roomIds,
    async say(room, transactionId) {
      const roomId = roomIds[room % roomIds.length] ?? '';
      await makerOf.get(roomId)?.sendMessage(roomId, { msgtype: 'm.text', body: 'News' }, { transactionId });
    },
    close() {
      for (const user of [reader, ...makers]) user.close();
    },
  };
}
