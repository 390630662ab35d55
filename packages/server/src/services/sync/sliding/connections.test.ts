import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualWorld, type ManualWorld } from '../../../../tests/support/manual-world.ts';
import { openTestStorage } from '../../../../tests/support/test-storage.ts';
import { defineStatement } from '../../../storage/statement.ts';
import type { Storage } from '../../../storage/storage.ts';
import { NO_CHANGE, type StateChange, type ToldRoom } from './connection-state.ts';
import { Connections } from './connections.ts';
import { formatSlidingPos } from './sliding-pos.ts';
import type { SlidingRequest } from './sliding-request.ts';

const STEP_BYTES = 65_536;

let world: ManualWorld;
let storage: Storage;

beforeEach(async () => {
  world = createManualWorld();
  storage = await openTestStorage();
});

afterEach(() => storage.close());

const selectKept = defineStatement<Record<string, never>, { rows: number; length: number }>(
  'select count(*) as rows, coalesce(sum(length(json)), 0) as length from sliding_versions',
);

const selectOrphans = defineStatement<Record<string, never>, { version: number }>(
  `select version from sliding_versions where not exists (select 1 from sliding_connections
     where sliding_connections.connection_nid = sliding_versions.connection_nid)`,
);

async function kept(): Promise<{ rows: number; length: number }> {
  const [row] = await storage.read(selectKept, {});
  return { rows: Number(row?.rows), length: Number(row?.length) };
}

/** A client that is told something with each answer. */
class Client {
  readonly #connId: string;
  readonly #userId: string;
  #connections: Connections;
  pos: string | undefined;

  constructor(connections: Connections, connId: string, userId = '@alice:test') {
    this.#connections = connections;
    this.#connId = connId;
    this.#userId = userId;
  }

  moveTo(connections: Connections): void {
    this.#connections = connections;
  }

  open() {
    const request = { userId: this.#userId, deviceId: 'PHONE', connId: this.#connId, pos: this.pos };
    return this.#connections.open(request as SlidingRequest);
  }

  async tell(change: StateChange): Promise<void> {
    const { connection } = await this.open();
    const version = await this.#connections.save(connection, change);
    const place = { connectionNid: connection.nid, version, vector: storage.stream.current() };
    this.pos = formatSlidingPos(place, storage.databaseTag);
  }

  async hasEnded(): Promise<boolean> {
    return this.open().then(
      () => false,
      (error: { errcode?: string }) => error.errcode === 'M_UNKNOWN_POS',
    );
  }
}

/** That a room was told with a rule of so many characters. */
function told(roomNid: number, rule: string): StateChange {
  const room: ToldRoom = {
    ...{ upTo: undefined, timelineLimit: 1, stateRules: [rule], isStripped: false, isDirect: false },
    generation: 0,
  };
  return { ...NO_CHANGE, rooms: new Map([[roomNid, room]]) };
}

test('changes take no more than the whole that they are made of, and all is there after a restart', async () => {
  const client = new Client(new Connections(storage, world.clock), '');
  let largest = 0;
  for (let turn = 0; turn < 60; turn += 1) {
    await client.tell(told(turn % 2, `${turn}`.padEnd(10_000)));
    largest = Math.max(largest, (await kept()).length);
  }
  // The whole has two rules of 10,000; as much again of changes, the one that is too much, the one that may be lost.
  expect(largest).toBeLessThan(62_000);
  client.moveTo(new Connections(storage, world.clock));
  const { state } = await client.open();
  expect([...state.rooms].map(([nid, { stateRules }]) => [nid, stateRules[0]?.trim()])).toEqual([
    [0, '58'],
    [1, '59'],
  ]);
});

test('small changes are written anew after 64, whatever they take', async () => {
  const client = new Client(new Connections(storage, world.clock), '');
  let most = 0;
  for (let turn = 0; turn < 150; turn += 1) {
    await client.tell(told(turn, 'rule'));
    most = Math.max(most, (await kept()).rows);
  }
  expect(most).toBe(64);
});

test('connections of a user end when another one grows, the one first that was not used for longest', async () => {
  const connections = new Connections(storage, world.clock, 5 * STEP_BYTES);
  const clients: Client[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    const client = new Client(connections, name);
    await client.tell(told(1, 'rule'));
    world.advance(2 * 3_600_000);
    clients.push(client);
  }
  const [a, , c, d] = clients;
  const ended = async () => Promise.all(clients.map((client) => client.hasEnded()));
  await a?.open();
  await c?.tell(told(2, 'x'.repeat(STEP_BYTES)));
  expect(await ended()).toEqual([false, true, false, false, false]);
  // All were used just now, so the one that began last is the one that stays.
  await d?.tell(told(2, 'x'.repeat(3 * STEP_BYTES)));
  expect(await ended()).toEqual([true, true, true, false, false]);
  expect(await storage.read(selectOrphans, {})).toEqual([]);
});

test('one that grows alone stays, and so do those of other users', async () => {
  const connections = new Connections(storage, world.clock, 2 * STEP_BYTES);
  const [client, others] = [new Client(connections, ''), new Client(connections, '', '@bob:test')];
  await others.tell(told(1, 'rule'));
  for (let turn = 0; turn < 5; turn += 1) await client.tell(told(turn, `${turn}`.padEnd(3 * STEP_BYTES)));
  expect([await client.hasEnded(), await others.hasEnded()]).toEqual([false, false]);
});
