import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { type LookUpStory, lookUpStory } from './support/look-up-story.ts';
import { createTestFederation, type TestFederation } from './support/test-federation.ts';

let federation: TestFederation;
let here: LookUpStory;
let there: LookUpStory;
let alice: Session;
let bob: Session;
let far: Session;

beforeAll(async () => {
  federation = await createTestFederation(['here.test', 'there.test']);
  const [one, other] = [federation.server('here.test'), federation.server('there.test')];
  [here, there] = [lookUpStory(one), lookUpStory(other)];
  [alice, bob, far] = [await one.createUser('alice'), await one.createUser('bob'), await other.createUser('far')];
});

afterAll(() => federation.stop());

const SPACE = { creation_content: { type: 'm.space' } };

interface Page {
  readonly rooms: readonly (JsonObject & { readonly children_state: readonly JsonObject[] })[];
  readonly next_batch?: string;
}

const walk = async (roomId: string, who: Session, query = ''): Promise<Page> =>
  (await here.get(`v1/rooms/${encodeURIComponent(roomId)}/hierarchy${query}`, who)) as unknown as Page;

const names = ({ rooms }: Page) => rooms.map((room) => room.name);

async function link(story: LookUpStory, who: Session, roomId: string, child: string, content: JsonObject = {}) {
  await story.setState(who, { roomId, type: 'm.space.child', stateKey: child }, { via: ['here.test'], ...content });
}

/** top ⊃ { second (suggested) ⊃ { deep, top again }, first (order) }; closed stands among them. */
async function tree(): Promise<{ top: string; second: string; closed: string }> {
  const top = await here.createRoom(alice, { ...SPACE, name: 'top' });
  const second = await here.createRoom(alice, { ...SPACE, name: 'second' });
  const first = await here.createRoom(alice, { name: 'first' });
  const deep = await here.createRoom(alice, { name: 'deep' });
  const closed = await here.createRoom(alice, { preset: 'private_chat', name: 'closed' });
  await link(here, alice, top, second, { suggested: true });
  await link(here, alice, top, first, { order: 'a' });
  await link(here, alice, top, closed, { order: 'b' });
  await link(here, alice, second, deep);
  await link(here, alice, second, top);
  // What was taken out of the space again, and what never pointed anywhere.
  await here.setState(alice, { roomId: top, type: 'm.space.child', stateKey: deep }, {});
  await here.setState(alice, { roomId: top, type: 'm.space.child', stateKey: 'nothing' }, { via: ['here.test'] });
  return { top, second, closed };
}

test('goes through a space depth first, in its order, each room once, and shows each what he may see', async () => {
  const { top, second, closed } = await tree();
  const seen = await walk(top, bob);
  expect(names(seen)).toEqual(['top', 'first', 'second', 'deep']);
  expect(seen.next_batch).toBeUndefined();
  const [root] = seen.rooms;
  expect(root).toMatchObject({ room_id: top, room_type: 'm.space', join_rule: 'public', num_joined_members: 1 });
  expect(root?.children_state.map((child) => child.state_key)).toEqual([expect.any(String), closed, second]);
  expect(root?.children_state[2]).toEqual({
    type: 'm.space.child',
    state_key: second,
    sender: alice.userId,
    content: { via: ['here.test'], suggested: true },
    origin_server_ts: expect.any(Number),
  });
  expect(names(await walk(top, alice))).toEqual(['top', 'first', 'closed', 'second', 'deep']);
});

test('suggested rooms alone, to a depth, a page at a time', async () => {
  const { top } = await tree();
  expect(names(await walk(top, bob, '?suggested_only=true'))).toEqual(['top', 'second']);
  expect(names(await walk(top, bob, '?max_depth=1'))).toEqual(['top', 'first', 'second']);
  expect(names(await walk(top, bob, '?max_depth=0'))).toEqual(['top']);
  const first = await walk(top, bob, '?limit=2');
  const second = await walk(top, bob, `?limit=2&from=${first.next_batch}`);
  expect([names(first), names(second), second.next_batch]).toEqual([['top', 'first'], ['second', 'deep'], undefined]);
  // A page may be asked for again, after an answer that was lost.
  expect(names(await walk(top, bob, `?limit=2&from=${first.next_batch}`))).toEqual(['second', 'deep']);
  const path = `v1/rooms/${encodeURIComponent(top)}/hierarchy`;
  const refused = async (query: string, who = bob) => here.ask('GET', `${path}?${query}`, who);
  expect(await refused(`from=${first.next_batch}&max_depth=3`)).toEqual([400, 'M_INVALID_PARAM']);
  expect(await refused(`from=${first.next_batch}&suggested_only=true`)).toEqual([400, 'M_INVALID_PARAM']);
  expect(await refused(`from=${first.next_batch}`, alice)).toEqual([400, 'M_INVALID_PARAM']);
  expect(await refused('from=made-up')).toEqual([400, 'M_INVALID_PARAM']);
  expect(await refused('limit=0')).toEqual([400, 'M_INVALID_PARAM']);
});

test('a room that is closed to the user, or is not there, is refused', async () => {
  const { closed } = await tree();
  const ask = (roomId: string, who?: Session) =>
    here.ask('GET', `v1/rooms/${encodeURIComponent(roomId)}/hierarchy`, who);
  expect(await ask(closed, bob)).toEqual([403, 'M_FORBIDDEN']);
  expect(await ask('!nothing:here.test', bob)).toEqual([403, 'M_FORBIDDEN']);
  expect(await ask('!nothing:here.test')).toEqual([401, 'M_MISSING_TOKEN']);
  expect(await ask('nothing', bob)).toEqual([400, 'M_INVALID_PARAM']);
});

test('rooms of other servers are asked for, and left out where nobody tells of them', async () => {
  const away = await there.createRoom(far, { ...SPACE, name: 'away' });
  const inside = await there.createRoom(far, { name: 'inside' });
  const secret = await there.createRoom(far, { preset: 'private_chat', name: 'secret' });
  await link(there, far, away, inside, { via: ['there.test'] });
  await link(there, far, away, secret, { via: ['there.test'] });
  const top = await here.createRoom(alice, { ...SPACE, name: 'top' });
  await link(here, alice, top, away, { via: ['there.test'] });
  await link(here, alice, top, '!lost:nowhere.test', { via: ['nowhere.test'] });
  expect(names(await walk(top, bob))).toEqual(['top', 'away', 'inside']);
  const asked = () => federation.requests('here.test', 'there.test').filter(({ path }) => path.includes('/hierarchy/'));
  const before = asked().length;
  expect(names(await walk(top, alice))).toEqual(['top', 'away', 'inside']);
  // What was told a moment ago is good enough; only the closed room is asked for anew.
  expect(asked().length - before).toBeLessThanOrEqual(1);
});
