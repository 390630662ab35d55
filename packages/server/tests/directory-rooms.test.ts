import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { type LookUpStory, lookUpStory } from './support/look-up-story.ts';
import { createTestFederation, type TestFederation } from './support/test-federation.ts';

let federation: TestFederation;
let here: LookUpStory;
let there: LookUpStory;
let alice: Session;
let bob: Session;
let far: Session;

const names = (body: unknown) => ((body as JsonObject).chunk as JsonObject[]).map((room) => room.name);

beforeAll(async () => {
  federation = await createTestFederation(['here.test', 'there.test']);
  const [one, other] = [federation.server('here.test'), federation.server('there.test')];
  [here, there] = [lookUpStory(one), lookUpStory(other)];
  [alice, bob, far] = [await one.createUser('alice'), await one.createUser('bob'), await other.createUser('far')];
});

afterAll(() => federation.stop());

describe('publicRooms', () => {
  test('lists the published rooms to anybody, those with most members first, page by page and by filter', async () => {
    await here.createRoom(alice, { visibility: 'public', name: 'small', topic: 'Tulips' });
    const large = await here.createRoom(alice, { visibility: 'public', name: 'large' });
    await here.join(large, bob);
    const closed = { visibility: 'public', name: 'ours alone', creation_content: { 'm.federate': false } };
    await here.createRoom(alice, closed);
    await here.createRoom(alice, { name: 'not listed' });
    const [status, all] = await here.ask('GET', 'v3/publicRooms');
    expect([status, names(all)]).toEqual([200, ['large', 'small', 'ours alone']]);
    const [, first] = await here.ask('GET', 'v3/publicRooms?limit=2');
    const [, second] = await here.ask('GET', `v3/publicRooms?limit=2&since=${(first as JsonObject).next_batch}`);
    expect([names(first), names(second)]).toEqual([['large', 'small'], ['ours alone']]);
    const [, found] = await here.ask('POST', 'v3/publicRooms', bob, { filter: { generic_search_term: 'tulip' } });
    expect(names(found)).toEqual(['small']);
    const [, own] = await here.ask('POST', 'v3/publicRooms?server=here.test', bob, {});
    expect(names(own)).toHaveLength(3);
    const [, bridged] = await here.ask('POST', 'v3/publicRooms', bob, { third_party_instance_id: 'irc' });
    expect(names(bridged)).toEqual([]);
  });

  test('asks the other server for its rooms, for who is logged in', async () => {
    await there.createRoom(far, { visibility: 'public', name: 'far away' });
    expect(await here.ask('GET', 'v3/publicRooms?server=there.test')).toEqual([401, 'M_MISSING_TOKEN']);
    const [, got] = await here.ask('GET', 'v3/publicRooms?server=there.test', alice);
    expect(names(got)).toEqual(['far away']);
    const [, none] = await here.ask('POST', 'v3/publicRooms?server=there.test', alice, {
      filter: { room_types: ['m.space'] },
    });
    expect(names(none)).toEqual([]);
    const [, others] = await there.ask('GET', 'v3/publicRooms?server=here.test', far);
    expect(names(others)).not.toContain('ours alone');
  });

  test('refuses bad tokens and servers, and says when a server cannot be reached', async () => {
    expect(await here.ask('GET', 'v3/publicRooms?since=x')).toEqual([400, 'M_INVALID_PARAM']);
    expect(await here.ask('GET', 'v3/publicRooms?limit=-1')).toEqual([400, 'M_INVALID_PARAM']);
    expect(await here.ask('GET', 'v3/publicRooms?server=a%20b', alice)).toEqual([400, 'M_INVALID_PARAM']);
    expect(await here.ask('GET', 'v3/publicRooms?server=nowhere.test', alice)).toEqual([502, 'M_UNKNOWN']);
    expect(await here.ask('POST', 'v3/publicRooms', undefined, {})).toEqual([401, 'M_MISSING_TOKEN']);
    const filter = { room_types: [7] };
    expect(await here.ask('POST', 'v3/publicRooms', alice, { filter })).toEqual([400, 'M_INVALID_PARAM']);
  });
});

describe('room_summary', () => {
  test('shows a room by ID and by alias, with the membership of who asks', async () => {
    const roomId = await here.createRoom(alice, { name: 'Garden', room_alias_name: 'garden', topic: 'Green' });
    const [status, summary] = await here.ask('GET', `v1/room_summary/${roomId}`, alice);
    expect([status, summary]).toEqual([
      200,
      expect.objectContaining({
        room_id: roomId,
        name: 'Garden',
        topic: 'Green',
        num_joined_members: 1,
        world_readable: false,
        guest_can_join: false,
        join_rule: 'public',
        room_version: expect.any(String),
        membership: 'join',
      }),
    ]);
    const [, byAlias] = await here.ask('GET', `v1/room_summary/${encodeURIComponent('#garden:here.test')}`);
    expect(byAlias).toMatchObject({ room_id: roomId });
    expect(byAlias).not.toHaveProperty('membership');
    const unstable = `unstable/im.nheko.summary/rooms/${encodeURIComponent('#garden:here.test')}/summary`;
    expect((await here.ask('GET', unstable, bob))[0]).toBe(200);
  });

  test('hides a closed room from all but its members, the invited, and members of rooms that are let in', async () => {
    const roomId = await here.createRoom(alice, { preset: 'private_chat', name: 'Closed' });
    const path = `v1/room_summary/${roomId}`;
    expect(await here.ask('GET', path, bob)).toEqual([404, 'M_NOT_FOUND']);
    expect(await here.ask('GET', path)).toEqual([404, 'M_NOT_FOUND']);
    const gate = await here.createRoom(alice, { name: 'Gate' });
    const allow = [{ type: 'm.room_membership', room_id: gate }];
    await here.setState(alice, { roomId, type: 'm.room.join_rules' }, { join_rule: 'restricted', allow });
    expect(await here.ask('GET', path, bob)).toEqual([404, 'M_NOT_FOUND']);
    await here.join(gate, bob);
    expect(await here.ask('GET', path, bob)).toEqual([200, expect.objectContaining({ allowed_room_ids: [gate] })]);
    expect(await here.ask('GET', path)).toEqual([404, 'M_NOT_FOUND']);
    await here.ask('POST', `v3/rooms/${roomId}/ban`, alice, { user_id: bob.userId });
    expect(await here.ask('GET', path, bob)).toEqual([404, 'M_NOT_FOUND']);
  });

  test('asks other servers for a room that nobody here is in', async () => {
    const roomId = await there.createRoom(far, { name: 'Meadow', room_alias_name: 'meadow' });
    const alias = encodeURIComponent('#meadow:there.test');
    expect(await here.ask('GET', `v1/room_summary/${alias}`, alice)).toEqual([
      200,
      expect.objectContaining({ room_id: roomId, name: 'Meadow' }),
    ]);
    expect(await here.ask('GET', `v1/room_summary/${roomId}?via=there.test`, alice)).toMatchObject([200, {}]);
    // Nobody who is not logged in makes this server ask others.
    expect(await here.ask('GET', `v1/room_summary/${roomId}?via=there.test`)).toEqual([404, 'M_NOT_FOUND']);
    const closed = await there.createRoom(far, { preset: 'private_chat' });
    expect(await here.ask('GET', `v1/room_summary/${closed}?via=there.test`, alice)).toEqual([404, 'M_NOT_FOUND']);
    expect(await here.ask('GET', 'v1/room_summary/nothing', alice)).toEqual([400, 'M_INVALID_PARAM']);
  });
});

describe('mutual_rooms', () => {
  test('names the rooms that both are joined to', async () => {
    const carol = await federation.server('here.test').createUser('carol');
    const path = `v1/mutual_rooms?user_id=${encodeURIComponent(carol.userId)}`;
    expect(await here.ask('GET', path, bob)).toEqual([200, { joined: [], count: 0 }]);
    const shared = await here.createRoom(bob);
    await here.join(shared, carol);
    await here.createRoom(bob);
    await here.createRoom(carol);
    expect(await here.ask('GET', path, bob)).toEqual([200, { joined: [shared], count: 1 }]);
    expect(await here.ask('GET', `${path}&from=%21`, bob)).toEqual([400, 'M_INVALID_PARAM']);
    expect(await here.ask('GET', 'v1/mutual_rooms?user_id=carol', bob)).toEqual([400, 'M_INVALID_PARAM']);
    expect(await here.ask('GET', 'v1/mutual_rooms', bob)).toEqual([400, 'M_MISSING_PARAM']);
  });
});

describe('user_directory', () => {
  const search = async (who: Session, term: string, limit?: number) => {
    const body = { search_term: term, ...(limit === undefined ? {} : { limit }) };
    const [, found] = await here.ask('POST', 'v3/user_directory/search', who, body);
    return found as { results: JsonObject[]; limited: boolean };
  };

  async function named(name: string, displayName: string): Promise<Session> {
    const session = await federation.server('here.test').createUser(name);
    await here.ask('PUT', `v3/profile/${session.userId}/displayname`, session, { displayname: displayName });
    return session;
  }

  test('finds users of this server by ID and by name, whatever its marks and case, the best first', async () => {
    const zoe = await named('zoe', 'Zoë Müller');
    await named('bazoe', 'Somebody else');
    expect((await search(alice, 'zoe')).results).toEqual([
      { user_id: zoe.userId, display_name: 'Zoë Müller' },
      { user_id: '@bazoe:here.test', display_name: 'Somebody else' },
    ]);
    expect((await search(alice, 'MULLER zo')).results.map((one) => one.user_id)).toEqual([zoe.userId]);
    expect((await search(alice, '@zoe:here')).results[0]).toMatchObject({ user_id: zoe.userId });
    expect(await search(alice, 'zoe', 1)).toMatchObject({ results: [{ user_id: zoe.userId }], limited: true });
    expect(await search(zoe, '@zoe:')).toEqual({ results: [], limited: false });
    expect(await search(alice, '   ')).toEqual({ results: [], limited: false });
  });

  test('finds users by what they are called now', async () => {
    const caterpillar = await named('wonder', 'Caterpillar');
    expect((await search(alice, 'cater')).results).toHaveLength(1);
    const field = `v3/profile/${caterpillar.userId}/displayname`;
    await here.ask('PUT', field, caterpillar, { displayname: 'Butterfly' });
    expect((await search(alice, 'cater')).results).toEqual([]);
    expect((await search(alice, 'fly')).results).toEqual([{ user_id: caterpillar.userId, display_name: 'Butterfly' }]);
    await here.ask('DELETE', field, caterpillar);
    expect((await search(alice, 'fly')).results).toEqual([]);
    expect((await search(alice, 'wonder')).results).toEqual([{ user_id: caterpillar.userId }]);
  });

  test('leaves out who is gone', async () => {
    const gone = await named('gone', 'Ghost');
    expect((await search(alice, 'ghost')).results).toHaveLength(1);
    await federation.server('here.test').server.admin.deactivateUser({ name: gone.userId, erase: false });
    expect((await search(alice, 'ghost')).results).toEqual([]);
  });

  test('finds users of other servers in shared and in published rooms, and nobody else', async () => {
    const hermit = await federation.server('there.test').createUser('hermit');
    await there.ask('PUT', `v3/profile/${hermit.userId}/displayname`, hermit, { displayname: 'Hermit of the hill' });
    const roomId = await there.createRoom(hermit);
    await here.join(roomId, alice, 'there.test');
    expect((await search(alice, 'hill')).results).toEqual([
      { user_id: hermit.userId, display_name: 'Hermit of the hill' },
    ]);
    expect((await search(bob, 'hill')).results).toEqual([]);
    await here.join(roomId, bob);
    expect((await search(bob, 'hill')).results).toHaveLength(1);
  });

  test('refuses what is no search', async () => {
    expect(await here.ask('POST', 'v3/user_directory/search', alice, {})).toEqual([400, 'M_MISSING_PARAM']);
    expect(await here.ask('POST', 'v3/user_directory/search', alice, { search_term: 'a', limit: 0 })).toEqual([
      400,
      'M_INVALID_PARAM',
    ]);
    expect(await here.ask('POST', 'v3/user_directory/search', undefined, { search_term: 'a' })).toEqual([
      401,
      'M_MISSING_TOKEN',
    ]);
  });
});
