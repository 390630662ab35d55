import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { RelationStory } from '../../../tests/support/relation-story.ts';
import { nodeTimers } from '../../platform/node/timers.ts';
import type { Timers } from '../../platform/timers.ts';
import { parseRoomEventFilter } from '../accounts/filter.ts';
import type { Session } from '../accounts/sessions.ts';
import { StateStore } from '../rooms/state-store.ts';
import { Search, type SearchRequest } from './search.ts';
import type { SearchPlace } from './search-place.ts';

let story: RelationStory;
let alice: Session;
let room: string;
let search: Search;
/** How often a search let others have their turn. */
let turns = 0;

beforeAll(async () => {
  story = await RelationStory.begin();
  alice = await story.user('alice');
  const { storage, server } = story.server;
  const { events, memberships, reading, accounts } = server.services;
  const state = new StateStore(storage, events);
  const { search: usual } = server.services.search;
  // The server's own keeps the index; this one only looks at less at once.
  const catchUp = async () => void (await usual.find(alice.userId, request({})));
  const index = { catchUp };
  const { accountData } = accounts;
  const timers: Timers = {
    after(delayMs, action) {
      turns += 1;
      return nodeTimers.after(delayMs, action);
    },
  };
  const parts = { storage, timers, events, memberships, state, accountData, index, rooms: reading.rooms };
  search = new Search(parts, { events: 20, most: 3 });
});

afterAll(() => story.end());

beforeEach(async () => {
  room = await story.room(alice);
});

function request(filter: JsonObject, rest: Partial<SearchRequest> = {}): SearchRequest {
  const { limit = 8 } = rest;
  const parsed = parseRoomEventFilter({ rooms: [room], ...filter });
  return { term: 'limpet', keys: undefined, filter: parsed, orderBy: 'recent', limit, place: undefined, ...rest };
}

/** All pages; how many hits each had. */
async function walk(orderBy: 'rank' | 'recent', filter: JsonObject = {}) {
  const ids: string[] = [];
  const pages: number[] = [];
  const counts: number[] = [];
  let place: SearchPlace | undefined;
  do {
    const found = await search.find(alice.userId, request(filter, { orderBy, place }));
    ids.push(...found.hits.map(({ event }) => event.pdu.eventId));
    pages.push(found.hits.length);
    counts.push(found.count);
    place = found.next;
  } while (place !== undefined && pages.length < 50);
  return { ids, pages, counts };
}

test('more than is looked at together is given page by page, each once, in either order', async () => {
  const said = await Promise.all(Array.from({ length: 50 }, (_, number) => story.say(alice, room, `limpet ${number}`)));
  const recent = await walk('recent');
  expect(recent.ids).toHaveLength(50);
  expect(new Set(recent.ids)).toEqual(new Set(said));
  expect(recent.pages).toEqual([8, 8, 8, 8, 8, 8, 2]);
  expect(recent.counts.at(-1)).toBe(50);
  expect(new Set((await walk('rank')).ids)).toEqual(new Set(said));
});

test('where few of many pass the filter, a page may be empty and the next one goes on', async () => {
  const said = await story.say(alice, room, 'limpet, the first', { url: 'mxc://localhost/x' });
  await Promise.all(Array.from({ length: 70 }, () => story.say(alice, room, 'limpet')));
  const { ids, pages } = await walk('recent', { contains_url: true });
  expect(ids).toEqual([said]);
  expect(pages).toEqual([0, 1]);
});

test('a search lets others have their turn while it ranks what it found', async () => {
  await Promise.all(Array.from({ length: 20 }, (_, number) => story.say(alice, room, `limpet ${number}`)));
  turns = 0;
  expect((await search.find(alice.userId, request({}))).hits).toHaveLength(8);
  expect(turns).toBe(1);
});

test('what a search reads does not grow with what there is to find elsewhere', async () => {
  const other = await story.room(alice);
  const bob = await story.user('bob');
  await story.join(bob, room);
  await story.say(alice, room, 'limpet');
  const { tally } = story.server.storage;
  const find = async () => {
    await search.find(bob.userId, request({}));
    const before = tally.rowsRead;
    expect((await search.find(bob.userId, request({}))).hits).toHaveLength(1);
    return tally.rowsRead - before;
  };
  const few = await find();
  await Promise.all(Array.from({ length: 60 }, () => story.say(alice, other, 'limpet')));
  expect(await find()).toBe(few);
});
