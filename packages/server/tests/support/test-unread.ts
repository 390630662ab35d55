import { parseServerName } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import type { AccountDataReader } from '../../src/services/accounts/account-data-reader.ts';
import { Receipts } from '../../src/services/ephemeral/receipts.ts';
import { createPush, type Push } from '../../src/services/push/push.ts';
import type { UnreadCounts } from '../../src/services/push/unread-reader.ts';
import { EventStore } from '../../src/services/rooms/event-store.ts';
import { Memberships } from '../../src/services/rooms/memberships.ts';
import type { Projection } from '../../src/services/rooms/projection.ts';
import { upsertAccountData } from '../../src/storage/queries/account-data.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { createManualWorld } from './manual-world.ts';
import { noNetwork } from './no-network.ts';
import { seededRandom } from './seeded-random.ts';
import { silentLog } from './silent-log.ts';
import { createTestRooms, type TestRooms } from './test-rooms.ts';
import { openTestStorage } from './test-storage.ts';

const NO_ACCOUNT_DATA: AccountDataReader = {
  changed: async () => [],
  global: async () => [],
  inRooms: async () => [],
  ignoredUsers: async () => new Set(),
  blocksInvites: async () => false,
};

/** What notifies whom, as after a start over this storage. */
export function pushOver(
  storage: Storage,
  events = new EventStore(storage),
  memberships = new Memberships(storage),
): Push {
  const serverName = parseServerName('test');
  const { clock } = createManualWorld();
  return createPush({
    storage,
    clock,
    serverName,
    accountData: NO_ACCOUNT_DATA,
    events,
    memberships,
    followThreads: false,
  });
}

/**
 * One room of the server `test`, made by `@alice:test` and written with the projection; its counter has seen everything
 * since it was opened.
 */
export class TestUnread {
  readonly storage: Storage;
  readonly rooms: TestRooms;
  readonly push: Push;
  readonly receipts: Receipts;
  readonly roomId: string;

  static async open(): Promise<TestUnread> {
    const storage = await openTestStorage();
    const later: { projection?: Projection } = {};
    const projection: Projection = {
      prepare: async (room) => later.projection?.prepare?.(room),
      project: (transaction, event, room) => later.projection?.project(transaction, event, room),
    };
    const rooms = createTestRooms(storage, { projections: [projection] });
    const push = pushOver(storage, rooms.events, rooms.memberships);
    later.projection = push.projection;
    const roomId = await rooms.make();
    return new TestUnread(storage, rooms, push, roomId);
  }

  private constructor(storage: Storage, rooms: TestRooms, push: Push, roomId: string) {
    this.storage = storage;
    this.rooms = rooms;
    this.push = push;
    this.roomId = roomId;
    const { clock, timers } = rooms.world;
    this.receipts = new Receipts(storage, { clock, timers, random: seededRandom(3), log: silentLog, ...noNetwork });
  }

  async room() {
    const room = await this.rooms.events.room(this.roomId);
    if (room === undefined) throw new Error('The room is gone');
    return room;
  }

  async counts(userId: string, push = this.push): Promise<UnreadCounts> {
    return push.unread.counts(await this.room(), userId);
  }

  /** notifications and highlights. */
  async unread(userId: string): Promise<[number, number]> {
    const { all } = await this.counts(userId);
    return [all.notifications, all.highlights];
  }

  join(...userIds: string[]) {
    return Promise.all(userIds.map((userId) => this.rooms.membershipChanges.join({ roomId: this.roomId, userId })));
  }

  send(userId: string, content: JsonObject, type = 'm.room.message', extraTopLevel?: JsonObject): Promise<string> {
    return this.rooms.sending.sendEvent({ sender: { userId }, roomId: this.roomId, type, content, extraTopLevel });
  }

  /** A message that is a sticky event. */
  stick(userId: string, content: JsonObject): Promise<string> {
    return this.send(userId, content, 'm.room.message', { msc4354_sticky: { duration_ms: 60_000 } });
  }

  setTopic(userId: string, topic: string): Promise<string> {
    const { roomId } = this;
    return this.rooms.sending.setState({
      sender: { userId },
      roomId,
      type: 'm.room.topic',
      stateKey: '',
      content: { topic },
    });
  }

  say(userId: string, body: string, more: JsonObject = {}): Promise<string> {
    return this.send(userId, { msgtype: 'm.text', body, ...more });
  }

  redact(userId: string, eventId: string): Promise<string> {
    return this.rooms.sending.redact({ sender: { userId }, roomId: this.roomId, eventId, content: {} });
  }

  async indexOf(eventId: string): Promise<number> {
    return (await this.rooms.events.byIds([eventId])).get(eventId)?.place?.roomIndex ?? 0;
  }

  async read(userId: string, eventId: string, threadId?: string, receiptType: 'm.read' | 'm.read.private' = 'm.read') {
    const roomIndex = await this.indexOf(eventId);
    await this.receipts.set({ room: await this.room(), userId, receiptType, threadId, eventId, roomIndex });
  }

  async ignore(userId: string, ...ignored: string[]) {
    const contentJson = JSON.stringify({ ignored_users: Object.fromEntries(ignored.map((one) => [one, {}])) });
    const type = 'm.ignored_user_list';
    await this.storage.write((transaction) => {
      const position = transaction.publish({ kind: 'account-data', userId, roomId: undefined, type });
      const { writer } = transaction;
      transaction.run(upsertAccountData, { userId, roomId: '', type, contentJson, writer, position });
    });
  }

  muteRoom(userId: string) {
    const { roomId } = this;
    const rule = { kind: 'room', ruleId: roomId, actions: [], conditions: undefined, pattern: undefined } as const;
    return this.push.rules.put(userId, { ...rule, before: undefined, after: undefined });
  }

  keyword(userId: string, pattern: string) {
    const actions = ['notify', { set_tweak: 'highlight' }];
    const rule = { kind: 'content', ruleId: pattern, actions, conditions: undefined, pattern } as const;
    return this.push.rules.put(userId, { ...rule, before: undefined, after: undefined });
  }
}
