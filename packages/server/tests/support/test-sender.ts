import { parseServerName } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { FederationSender } from '../../src/services/federation-sender/federation-sender.ts';
import { outgoingProjection } from '../../src/services/federation-sender/outgoing-projection.ts';
import { type RemoteRequest, RemoteServerError } from '../../src/services/remote-servers/remote-servers.ts';
import { createStickyProjection } from '../../src/services/sticky-events/sticky-projection.ts';
import { StickyRooms } from '../../src/services/sticky-events/sticky-rooms.ts';
import { upsertMembership } from '../../src/storage/queries/memberships.ts';
import { upsertRoomServer } from '../../src/storage/queries/room-servers.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { createManualWorld, type ManualWorld } from './manual-world.ts';
import { seededRandom } from './seeded-random.ts';
import { silentLog } from './silent-log.ts';
import { createTestRooms, type TestRooms } from './test-rooms.ts';

/** What one of the others was sent. */
export interface Received {
  readonly destination: string;
  readonly path: string;
  readonly bodies: readonly string[];
  readonly edus: readonly JsonObject[];
}

/** The other servers, which do what the test says. */
export class FakeDestinations {
  /** What was taken, in order. */
  readonly taken: Received[] = [];
  /** How often each was asked, in vain too. */
  readonly tries = new Map<string, number>();
  /** Requests that are not answered yet, by server: the most there were. */
  readonly mostAtOnce = new Map<string, number>();
  /** What a server answers instead of taking it; throws to fail. */
  answer: (received: Received) => Promise<void> | void = () => {};
  /** Timers that the sender has. */
  #listener: ((serverName: string) => void) | undefined;
  readonly #open = new Map<string, number>();

  async request(destination: string, { path, body }: RemoteRequest): Promise<JsonObject> {
    const { pdus, edus } = JSON.parse(String(body)) as { pdus: { content: JsonObject }[]; edus: JsonObject[] };
    const bodies = pdus.map(({ content }) => String(content.body ?? content.membership));
    const received = { destination, path, bodies, edus };
    this.tries.set(destination, (this.tries.get(destination) ?? 0) + 1);
    const open = (this.#open.get(destination) ?? 0) + 1;
    this.#open.set(destination, open);
    this.mostAtOnce.set(destination, Math.max(open, this.mostAtOnce.get(destination) ?? 0));
    try {
      await this.answer(received);
    } finally {
      this.#open.set(destination, open - 1);
    }
    this.taken.push(received);
    return { pdus: {} };
  }

  onHeardFrom(listener: (serverName: string) => void): () => void {
    this.#listener = listener;
    return () => {};
  }

  forgetFailures(): void {}

  hear(serverName: string): void {
    this.#listener?.(serverName);
  }

  /** All bodies that a server took, in order. */
  bodiesOf(destination: string): string[] {
    return this.taken.filter((received) => received.destination === destination).flatMap(({ bodies }) => bodies);
  }
}

export function unreachable(destination: string): RemoteServerError {
  return new RemoteServerError(destination, 'unreachable', 'Nobody is there.');
}

export interface TestSender {
  readonly storage: Storage;
  readonly rooms: TestRooms;
  readonly sender: FederationSender;
  readonly others: FakeDestinations;
  readonly world: ManualWorld;
  /** Timers that the sender set and that are to fire still. */
  readonly timers: () => number;
  /** A room of `@alice:test` where these servers are, too. */
  room(servers: readonly string[]): Promise<string>;
  say(roomId: string, body: string, stickyMs?: number): Promise<string>;
  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void>;
}

/** The sender over this storage, as after a start, with others that are not there in truth. The server is `test`. */
export async function startTestSender(
  storage: Storage,
  options: { world?: ManualWorld; seed?: number; others?: FakeDestinations } = {},
): Promise<TestSender> {
  const { world = createManualWorld(), seed = 1, others = new FakeDestinations() } = options;
  let timers = 0;
  const platform = {
    clock: world.clock,
    timers: {
      after(delayMs: number, action: () => void) {
        timers++;
        let isOpen = true;
        const close = () => {
          if (isOpen) timers--;
          isOpen = false;
        };
        const timer = world.timers.after(delayMs, () => {
          close();
          action();
        });
        return {
          cancel() {
            close();
            timer.cancel();
          },
        };
      },
    },
    random: seededRandom(seed + 100),
    log: silentLog,
  };
  const projections = [createStickyProjection(new StickyRooms()), outgoingProjection];
  const rooms = createTestRooms(storage, { seed, world, projections });
  const sender = await FederationSender.start({
    storage,
    platform,
    serverName: parseServerName('test'),
    events: rooms.events,
    remoteServers: others,
    typing: () => [],
    presence: () => undefined,
  });
  let count = 0;
  return {
    storage,
    rooms,
    sender,
    others,
    world,
    timers: () => timers,
    async room(servers) {
      // Made by other services, so that these here load it with all its servers.
      const roomId = await createTestRooms(storage, { seed: seed + 50 + ++count, world }).make({ roomVersion: '11' });
      const record = await rooms.events.room(roomId);
      await storage.write((transaction) => {
        for (const serverName of servers) bringIn(transaction, { roomId, roomNid: record?.nid ?? 0, serverName });
      });
      return roomId;
    },
    say(roomId, body, stickyMs) {
      const from = { userId: '@alice:test', deviceId: 'DEVICE', transactionId: undefined };
      const content = { msgtype: 'm.text', body };
      const extraTopLevel = stickyMs === undefined ? undefined : { msc4354_sticky: { duration_ms: stickyMs } };
      return rooms.sending.sendEvent({ sender: from, roomId, type: 'm.room.message', content, extraTopLevel });
    },
    async until(what, holds) {
      for (let turn = 0; !(await holds()); turn++) {
        if (turn > 5_000) throw new Error(`It did not come about that ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
  };
}

/** As the room's writer does when the first user of a server joins. */
export function bringIn(
  transaction: Parameters<Parameters<Storage['write']>[0]>[0],
  { roomId, roomNid, serverName }: { roomId: string; roomNid: number; serverName: string },
): void {
  const userId = `@user:${serverName}`;
  const membership = { kind: 'membership', roomId, userId, membership: 'join', previous: undefined } as const;
  const joinedPosition = transaction.publish(membership);
  const eventNid = transaction.allocate();
  const { writer } = transaction;
  const row = { roomNid, userId, membership: 'join', eventNid, sender: userId, joinedPosition };
  transaction.run(upsertMembership, { ...row, writer, position: joinedPosition });
  const position = transaction.publish({ kind: 'room-server', roomId, serverName, isIn: true });
  transaction.run(upsertRoomServer, { roomNid, serverName, isIn: 1, writer, position });
}
