import { findRoomVersion } from '@limpet/protocol/room-version';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { insertUnreadEvent, insertUnreadException, upsertReadBySending } from '../../storage/queries/unread.ts';
import type { SqlParameters, Statement } from '../../storage/statement.ts';
import type { Storage } from '../../storage/storage.ts';
import { EventStore } from '../rooms/event-store.ts';
import type { MembershipReader, MembershipRecord } from '../rooms/membership-reader.ts';
import { type PushOutcome, SILENT } from './push-rule.ts';
import { UnreadCounter } from './unread-counter.ts';
import { UnreadNews } from './unread-news.ts';

const BOB = '@bob:test';
const LOUD: PushOutcome = { notifies: true, highlights: true };
const ORDINARY: PushOutcome = { notifies: true, highlights: false };

const version = findRoomVersion('11');
if (version === undefined) throw new Error('There is no room version 11');
const room = { nid: 1, roomId: '!room:test', version, createdTs: 0 };

/** A storage whose reads are answered, and whose changes are published, when the test says so. */
let storage: Storage;
let news: UnreadNews;
let counter: UnreadCounter;
let publish: (changes: readonly PublishedChange[]) => void;
/** Reads wait, with what they found at the time, until this is kept. */
let answers: Promise<void>;
/** How many reads have found their rows and wait. */
let waiting = 0;

beforeEach(async () => {
  storage = await openTestStorage();
  news = new UnreadNews();
  answers = Promise.resolve();
  const held: Storage = {
    ...storage,
    async read<P extends SqlParameters, R>(statement: Statement<P, R>, parameters: P): Promise<R[]> {
      const gate = answers;
      const rows = await storage.read(statement, parameters);
      waiting++;
      await gate;
      waiting--;
      return rows;
    },
    stream: {
      ...storage.stream,
      follow(follower) {
        publish = follower;
        return () => {};
      },
    },
  };
  const joined = { writer: 1, joinedPosition: 0 } as unknown as MembershipRecord;
  const memberships = { of: async () => joined } as unknown as MembershipReader;
  counter = new UnreadCounter({ storage: held, memberships, events: new EventStore(storage), news });
});

afterEach(() => storage.close());

/** Commits an event that everybody is notified of, Bob loudly when `isForBob`; not published yet. */
async function commit(roomIndex: number, isForBob = false): Promise<PublishedChange> {
  const exceptions = new Map(isForBob ? [[BOB, LOUD]] : []);
  const row = { roomNid: room.nid, roomIndex, threadId: '' };
  await storage.write((transaction) => {
    transaction.run(insertUnreadEvent, { ...row, eventNid: roomIndex, sender: '@alice:test', highlights: 0 });
    if (isForBob) transaction.run(insertUnreadException, { ...row, userId: BOB, notifies: 1, highlights: 1 });
  });
  const left = { roomIndex, sender: '@alice:test', threadId: '', outcome: ORDINARY, exceptions };
  news.leave(roomIndex, { ...left, isReadBySender: false });
  return changeOf(roomIndex, '@alice:test');
}

/** Commits an event of Bob that notifies nobody; not published yet. */
async function commitOwn(roomIndex: number): Promise<PublishedChange> {
  await storage.write((transaction) => {
    transaction.run(upsertReadBySending, { roomNid: room.nid, userId: BOB, threadId: '', roomIndex });
  });
  const left = { roomIndex, sender: BOB, threadId: '', outcome: SILENT, exceptions: new Map() };
  news.leave(roomIndex, { ...left, isReadBySender: true });
  return changeOf(roomIndex, BOB);
}

function changeOf(roomIndex: number, sender: string): PublishedChange {
  const event = { sender, type: 'm.room.message', stateKey: undefined, eventNid: roomIndex, isToBeSent: true };
  return { kind: 'event', roomId: room.roomId, ...event, writer: 1, position: roomIndex };
}

async function unread(): Promise<[number, number]> {
  const { all } = await counter.counts(room, BOB);
  return [all.notifications, all.highlights];
}

/** The counter has asked for the events of the room and for the receipts of Bob. */
async function begun(): Promise<void> {
  while (waiting < 2) await storage.read(NOTHING, {});
}

describe('a counter follows the stream', () => {
  test('what is published while the tables are read, and is not in what was read, counts', async () => {
    publish([await commit(1)]);
    const { promise, resolve } = Promise.withResolvers<void>();
    answers = promise;
    const asked = unread();
    await begun();
    publish([await commit(2), await commit(3, true)]);
    resolve();
    await asked;
    answers = Promise.resolve();
    expect(await unread()).toEqual([3, 1]);
  });

  test('what was read before it was published counts once', async () => {
    const early = [await commit(1), await commit(2, true)];
    expect(await unread()).toEqual([2, 1]);
    publish(early);
    publish([await commit(3)]);
    expect(await unread()).toEqual([3, 1]);
  });

  test('what the user sends himself while the tables are read marks as read what they say', async () => {
    publish([await commit(1, true), await commit(2)]);
    const { promise, resolve } = Promise.withResolvers<void>();
    answers = promise;
    const asked = unread();
    await begun();
    publish([await commitOwn(3), await commit(4)]);
    resolve();
    await asked;
    answers = Promise.resolve();
    expect(await unread()).toEqual([1, 0]);
    publish([await commitOwn(5)]);
    expect(await unread()).toEqual([0, 0]);
  });

  test('an event that was decided elsewhere makes it read again', async () => {
    publish([await commit(1)]);
    expect(await unread()).toEqual([1, 0]);
    const elsewhere = await commit(2, true);
    news.take(2);
    publish([elsewhere]);
    expect(await unread()).toEqual([2, 1]);
  });

  test('a read that failed is tried again', async () => {
    await commit(1);
    answers = Promise.reject(new Error('The disk is gone'));
    answers.catch(() => {});
    await expect(unread()).rejects.toThrow('The disk is gone');
    answers = Promise.resolve();
    expect(await unread()).toEqual([1, 0]);
  });
});

const NOTHING: Statement<Record<string, never>, never> = { text: 'select 1 as one' };
