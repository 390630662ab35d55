import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { insertEvent } from '../../storage/queries/event-graph.ts';
import type { Storage } from '../../storage/storage.ts';
import { AuthChains, authEventIdsIn } from './auth-chains.ts';

describe('the auth events of a text', () => {
  test('are read from its beginning', () => {
    expect(authEventIdsIn('{"auth_events":["$a","$b"],"content":')).toEqual(['$a', '$b']);
    expect(authEventIdsIn('{"auth_events":[],"content":')).toEqual([]);
  });

  test('are read from the whole where that does not do', () => {
    const pairs = '{"auth_events":[["$a:x",{"sha256":"h"}],["$b:x",{"sha256":"h"}]],"content":{}}';
    expect(authEventIdsIn(pairs)).toEqual(['$a:x', '$b:x']);
    expect(authEventIdsIn('{"a":1,"auth_events":["$a"]}')).toEqual(['$a']);
    expect(authEventIdsIn('{"auth_events":["$a]b","$c"]}')).toEqual(['$a]b', '$c']);
  });
});

describe('an auth chain', () => {
  let storage: Storage;
  const { timers } = createManualWorld();

  beforeEach(async () => {
    storage = await openTestStorage();
  });

  afterEach(() => storage.close());

  /** Events that rest on others, by number: `[[], [0], [0, 1]]`. */
  async function keep(authEvents: readonly (readonly number[])[]): Promise<number[]> {
    const { value } = await storage.write((transaction) =>
      authEvents.map((named, number) => {
        const eventNid = transaction.allocate();
        const json = JSON.stringify({ auth_events: named.map((one) => `$${one}`) });
        transaction.run(insertEvent, { ...USUAL_ROW, eventNid, eventId: `$${number}`, json });
        return eventNid;
      }),
    );
    return value;
  }

  const numbersIn = (chain: ReadonlySet<number>, nids: readonly number[]) =>
    [...chain].map((nid) => nids.indexOf(nid)).sort((left, right) => left - right);

  test('is all that the events rest on', async () => {
    const nids = await keep([[], [0], [0, 1], [0], [2, 3]]);
    const chains = new AuthChains(storage, timers);
    expect(numbersIn(await chains.of([nids[4] ?? 0]), nids)).toEqual([0, 1, 2, 3]);
    expect(numbersIn(await chains.of([nids[2] ?? 0]), nids)).toEqual([0, 1]);
    expect(numbersIn(await chains.of([nids[1] ?? 0, nids[2] ?? 0]), nids)).toEqual([0, 1]);
    expect(numbersIn(await chains.of([]), nids)).toEqual([]);
  });

  test('is known once it was walked, but for what is not here yet', async () => {
    const nids = await keep([[], [0], [1], [99, 2]]);
    const chains = new AuthChains(storage, timers);
    await chains.of([nids[3] ?? 0]);
    const { reads } = storage.tally;
    await chains.of([nids[2] ?? 0]);
    expect(storage.tally.reads).toBe(reads);
    await storage.write((transaction) => {
      const row = { ...USUAL_ROW, eventNid: transaction.allocate(), eventId: '$99', json: '{"auth_events":[]}' };
      transaction.run(insertEvent, row);
    });
    expect((await chains.of([nids[3] ?? 0])).size).toBe(4);
  });

  test('that goes in a circle ends', async () => {
    const nids = await keep([[2], [0], [1]]);
    const chain = await new AuthChains(storage, timers).of([nids[0] ?? 0]);
    expect(numbersIn(chain, nids)).toEqual([0, 1, 2]);
  });

  test('of great depth takes no call stack, lets others have their turn, and has a limit', async () => {
    const depth = 20_000;
    const nids = await keep(Array.from({ length: depth }, (_, number) => (number === 0 ? [] : [number - 1])));
    let turns = 0;
    const counted = {
      after(delayMs: number, action: () => void) {
        turns++;
        return timers.after(delayMs, action);
      },
    };
    const last = [nids.at(-1) ?? 0];
    expect((await new AuthChains(storage, counted).of(last)).size).toBe(depth - 1);
    expect(turns).toBeGreaterThan(depth / 50);
    const limited = new AuthChains(storage, timers, { maxChainEvents: 1_000 });
    const { reads } = storage.tally;
    await expect(limited.of(last)).rejects.toMatchObject({ errcode: 'M_TOO_LARGE' });
    expect(storage.tally.reads - reads).toBeLessThan(2_100);
  });
});

const USUAL_ROW = {
  roomNid: 1,
  roomIndex: null,
  writer: null,
  position: null,
  type: 'org.example',
  stateKey: null,
  sender: '@alice:test',
  depth: 1,
  originServerTs: 1,
  receivedTs: 1,
  stateBefore: null,
  roomStateBefore: null,
  roomStateAfter: null,
  isRejected: 0,
  isSoftFailed: 0,
  hasUrl: 0,
  redactedBy: null,
};
