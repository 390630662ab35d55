import { type BuiltEvent, buildEvent, type EventDraft } from '@limpet/protocol/build-event';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { type SigningKey, signingKeyFromSeed } from '@limpet/protocol/signing';
import type { LogFields } from '../../src/platform/log.ts';
import {
  createFederationInbound,
  type FederationInbound,
} from '../../src/services/federation-inbound/federation-inbound.ts';
import type { EduHandlers } from '../../src/services/remote-servers/edu-handler.ts';
import {
  type RemoteRequest,
  RemoteServerError,
  type RemoteServers,
} from '../../src/services/remote-servers/remote-servers.ts';
import type { ReceivedEvent, Reception } from '../../src/services/rooms/received-event.ts';
import type { RoomRecord } from '../../src/services/rooms/room-event.ts';
import type { ReceiveOptions, RoomReceiver } from '../../src/services/rooms/room-receiver.ts';
import { RoomServers } from '../../src/services/rooms/room-servers.ts';
import { ServerAcls } from '../../src/services/rooms/server-acls.ts';
import { insertEvent } from '../../src/storage/queries/event-graph.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { seededRandom } from './seeded-random.ts';
import { silentLog } from './silent-log.ts';
import { createTestRooms, type TestRooms } from './test-rooms.ts';

/** Answers a request of the server under test in the name of another server; `undefined`: it does not answer. */
export type RemoteAnswer = (server: string, request: RemoteRequest) => JsonValue | undefined | Promise<JsonValue>;

export interface TestInbound {
  readonly rooms: TestRooms;
  readonly roomId: string;
  readonly inbound: FederationInbound;
  /** What the room got, a list for each call. */
  readonly calls: readonly (readonly string[])[];
  /** The states that it was told, of all events. */
  readonly states: readonly (readonly string[])[];
  readonly asked: readonly string[];
  readonly logged: readonly [string, LogFields | undefined][];
  /** An event of `@bob:evil` unless told otherwise, signed by the server `evil`, after these. */
  event(prevEvents: readonly string[], draft?: Partial<EventDraft>): BuiltEvent;
  push(events: readonly (BuiltEvent | JsonObject)[], options?: { txnId?: string; origin?: string }): Promise<unknown>;
  /** The last event of the room. */
  end(): Promise<string>;
  /** Another one over the same database, as after a restart. */
  restart(): Promise<TestInbound>;
  stop(): Promise<void>;
}

export interface TestInboundOptions {
  readonly answer?: RemoteAnswer;
  readonly eduHandlers?: EduHandlers;
  readonly policy?: Parameters<typeof createFederationInbound>[0]['policy'];
  /** What is logged as our fault; without it, the test fails. */
  readonly onError?: (message: string) => void;
  /** Before the room takes events. */
  readonly onReceive?: (events: readonly ReceivedEvent[]) => Promise<void> | void;
}

export const EVIL_KEY: SigningKey = signingKeyFromSeed('ed25519:evil', new Uint8Array(32).fill(66));

/**
 * What receives from other servers, with a room whose receiver only looks whether what an event rests on is there. The
 * room is of version 12 and of `@alice:test`; the other servers are `evil` and `good`, both with one key.
 */
export async function createTestInbound(storage: Storage, options: TestInboundOptions = {}): Promise<TestInbound> {
  const rooms = createTestRooms(storage);
  const roomId = await rooms.make({ invite: [] });
  return startInbound(rooms, roomId, options);
}

async function startInbound(rooms: TestRooms, roomId: string, options: TestInboundOptions): Promise<TestInbound> {
  const { storage, world, events, state } = rooms;
  const room = await events.room(roomId);
  if (room === undefined) throw new Error('The room is not there');
  const logged: [string, LogFields | undefined][] = [];
  const log = { ...silentLog, info: note, warn: note, error: options.onError ?? silentLog.error };
  const asked: string[] = [];
  const receiver = new FakeReceiver(storage, room, options);
  const inbound = createFederationInbound({
    storage,
    platform: { ...world, random: seededRandom(3), log } as never,
    serverName: 'test',
    events,
    receiver: receiver as unknown as RoomReceiver,
    roomServers: new RoomServers(storage),
    memberships: rooms.memberships,
    joining: rooms.joining,
    acls: new ServerAcls(state),
    remoteServers: remoteServers(options.answer ?? (() => undefined), asked),
    policy: options.policy ?? { isToBeAsked: async () => false, apply: async (_room, received) => received },
    eduHandlers: options.eduHandlers ?? {},
  });
  await inbound.start();
  let pushes = 0;

  function note(message: string, fields?: LogFields): void {
    logged.push([message, fields]);
  }

  return {
    rooms,
    roomId,
    inbound,
    calls: receiver.calls,
    states: receiver.states,
    asked,
    logged,
    event: (prevEvents, draft = {}) => buildBobs({ roomId, prevEvents, ...draft }, room),
    push(sent, { txnId, origin = 'evil' } = {}) {
      pushes++;
      const pdus = sent.map((one) => ('pdu' in one ? (one as BuiltEvent).pdu.json : one) as JsonObject);
      return inbound.transactions.take(origin, txnId ?? `t${pushes}`, { origin, pdus, edus: [] });
    },
    async end() {
      const [last] = await events.backwards({ room, after: 0, before: Number.MAX_SAFE_INTEGER, limit: 1 });
      if (last === undefined) throw new Error('The room is empty');
      return last.pdu.eventId;
    },
    async restart() {
      await inbound.stop();
      return startInbound(createTestRooms(storage, { world }), roomId, options);
    },
    stop: () => inbound.stop(),
  };
}

function buildBobs(draft: Partial<EventDraft>, { version }: RoomRecord): BuiltEvent {
  const usual = {
    sender: '@bob:evil',
    type: 'm.room.message',
    content: { body: 'hello' },
    prevEvents: [],
    authEvents: [],
    depth: 100,
    originServerTs: 1_700_000_000_000,
  };
  return buildEvent({ ...usual, ...draft }, version, { serverName: 'evil', key: EVIL_KEY });
}

function remoteServers(answer: RemoteAnswer, asked: string[]): RemoteServers {
  return {
    async request(server, request) {
      asked.push(`${server} ${decodeURIComponent(request.path.split('/')[4] ?? '')}`);
      const answered = await answer(server, request);
      if (answered === undefined) throw new RemoteServerError(server, 'unreachable', 'It is away');
      return answered;
    },
    keys: {
      find: async (wanted) => wanted.map(({ serverName }) => (serverName === 'test' ? undefined : EVIL_KEY.publicKey)),
    },
  };
}

/** Keeps what rests on something that is there, and nothing else. */
class FakeReceiver implements Pick<RoomReceiver, 'receive' | 'keepOutliers'> {
  readonly calls: string[][] = [];
  readonly states: (readonly string[])[] = [];
  readonly #storage: Storage;
  readonly #room: RoomRecord;
  readonly #options: TestInboundOptions;

  constructor(storage: Storage, room: RoomRecord, options: TestInboundOptions) {
    this.#storage = storage;
    this.#room = room;
    this.#options = options;
  }

  async receive(_roomId: string, events: readonly ReceivedEvent[], { statesBefore }: ReceiveOptions = {}) {
    await this.#options.onReceive?.(events);
    this.calls.push(events.map(({ pdu }) => pdu.eventId));
    this.states.push(...(statesBefore?.values() ?? []));
    await this.#keep(events, 1);
    return events.map(({ refusedBecause: reason }): Reception => {
      return reason === undefined ? { outcome: 'accepted' } : { outcome: 'soft-failed', reason };
    });
  }

  async keepOutliers(_room: RoomRecord, events: readonly ReceivedEvent[]) {
    await this.#keep(events, null);
    return { leftOut: [] };
  }

  async #keep(events: readonly ReceivedEvent[], stateBefore: number | null): Promise<void> {
    for (const { pdu, canonicalJson, receivedTs } of events) {
      const row = { eventId: pdu.eventId, roomNid: this.#room.nid, type: pdu.type, stateKey: pdu.stateKey ?? null };
      const times = { depth: 1, originServerTs: pdu.originServerTs, receivedTs };
      const place = { roomIndex: null, writer: null, position: null, roomStateBefore: null, roomStateAfter: null };
      const flags = { isRejected: 0, isSoftFailed: 0, hasUrl: 0, redactedBy: null };
      const writing = this.#storage.write((transaction) =>
        transaction.run(insertEvent, {
          eventNid: transaction.allocate(),
          ...row,
          ...times,
          ...place,
          ...flags,
          sender: pdu.sender,
          stateBefore,
          json: canonicalJson,
        }),
      );
      // One that is there already stays.
      await writing.catch(() => {});
    }
  }
}
