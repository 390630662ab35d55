import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Branch } from '../../../tests/support/forked-room.ts';
import { ALICE, BOB, JoinedRoom } from '../../../tests/support/joined-room.ts';
import { createManualWorld, type ManualWorld } from '../../../tests/support/manual-world.ts';
import { noNetwork } from '../../../tests/support/no-network.ts';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { selectFoundEvents } from '../../storage/queries/search.ts';
import { defineStatement } from '../../storage/statement.ts';
import type { Projection } from '../rooms/projection.ts';
import { SearchIndex } from './search-index.ts';
import { roomWord } from './words-in.ts';

let here: JoinedRoom;
let world: ManualWorld;
let index: SearchIndex;

function createIndex(): SearchIndex {
  world = createManualWorld();
  const platform = { ...world, random: seededRandom(1), log: silentLog, ...noNetwork };
  return new SearchIndex({ storage: here.storage, platform, events: here.rooms.events });
}

beforeEach(async () => {
  let made: SearchIndex | undefined;
  const projection: Projection = {
    project: (...args) => made?.project(args[0], args[1]),
    projectRedacted: (...args) => made?.projectRedacted(...args),
  };
  here = await JoinedRoom.open([projection]);
  made = createIndex();
  index = made;
});

afterEach(async () => {
  await index.stop();
  await here.close();
});

/** Event IDs of what is in the index, newest first. */
async function indexed(word: string): Promise<string[]> {
  const { nid } = await here.record();
  const terms = { anyOf: [roomWord(nid)], words: [{ text: word, isBeginning: true }] };
  const query = { query: here.storage.searchQuery(terms), before: Number.MAX_SAFE_INTEGER, limit: 5_000 };
  const nids = (await here.storage.read(selectFoundEvents, query)).map((row) => row.event_nid);
  const events = await here.rooms.events.byNids(nids);
  return nids.map((one) => events.get(one)?.pdu.eventId ?? '');
}

const idsOf = (branches: readonly Branch[]) => branches.map(({ pdu }) => pdu.eventId);

test('events of ours and of others, and none twice', async () => {
  const ours = await here.rooms.say(here.far.roomId, ALICE, 'limpet');
  const theirs = here.far.after(here.joined, here.far.say(BOB, 'limpets'));
  await here.receive(theirs);
  await index.catchUp();
  await index.catchUp();
  expect((await indexed('limpet')).sort()).toEqual([ours, theirs.pdu.eventId].sort());
  await here.rooms.sending.redact({
    ...{ sender: { userId: ALICE }, roomId: here.far.roomId, eventId: ours, content: {} },
  });
  expect(await indexed('limpet')).toEqual([theirs.pdu.eventId]);
});

test('events that get their place when the walk has passed them: released ones, and those of the past', async () => {
  const kick = here.far.after(here.joined, here.far.member(BOB, 'leave', here.far.creator));
  const kept = here.far.after(here.joined, { ...here.far.say(BOB, 'limpet'), stickyMs: 3_600_000 });
  await here.receive(kick);
  expect(await here.outcomes(kept)).toEqual(['soft-failed']);
  const stateBefore = [...here.far.start.state.values()].map(({ eventId }) => eventId);
  const bob = here.far.all.find(({ pdu }) => pdu.sender === BOB && pdu.type === 'm.room.member');
  if (bob === undefined) throw new Error('Bob was there');
  await index.catchUp();
  expect(await indexed('limpet')).toEqual([]);
  await here.receive(here.far.after(kick, here.far.member(BOB, 'join')));
  await here.rooms.stop();
  const past = here.far.after(here.far.start, { ...here.far.say(here.far.creator, 'limpet of old') });
  await here.rooms.receiver.keepHistory(here.far.roomId, [past.received], { stateBefore });
  await index.catchUp();
  expect((await indexed('limpet')).sort()).toEqual(idsOf([kept, past]).sort());
});

test('all that was there before there was an index, little by little, and on from there after a restart', async () => {
  let last = here.joined;
  const said = Array.from({ length: 40 }, (_, number) => {
    last = here.far.after(last, here.far.say(BOB, `limpet ${number}`));
    return last;
  });
  await here.receive(...said);
  const empty = defineStatement('delete from search_queue');
  await here.storage.write((transaction) => transaction.run(empty, {}));
  const other = createIndex();
  other.start();
  expect(await indexed('limpet')).toEqual([]);
  world.advance(60_000);
  while ((await indexed('limpet')).length < said.length) await new Promise((resolve) => setImmediate(resolve));
  await other.stop();
  const { tally } = here.storage;
  const before = tally.rowsRead;
  const third = createIndex();
  await third.catchUp();
  // How far the walk has come, and nothing behind it.
  expect(tally.rowsRead - before).toBe(1);
  expect(new Set(await indexed('limpet'))).toEqual(new Set(idsOf(said)));
});
