import { MatrixError } from '@limpet/protocol/matrix-error';
import { signingKeyFromSeed } from '@limpet/protocol/signing';
import { describe, expect, test } from 'vitest';
import { fakeRemoteServers } from '../../../../tests/support/fake-remote-servers.ts';
import { bodyOf, type FakeAnswer, FakeResident, refusal } from '../../../../tests/support/fake-resident.ts';
import { createManualWorld } from '../../../../tests/support/manual-world.ts';
import { seededRandom } from '../../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../../tests/support/silent-log.ts';
import { JoiningRooms } from '../joining-rooms.ts';
import type { RoomEntry } from '../room-receiver.ts';
import { MemberEventSigner } from './member-event-signer.ts';
import { type RemoteJoinRequest, RemoteJoins } from './remote-joins.ts';

const ALICE = '@alice:here';
const OUR_KEY = signingKeyFromSeed('ed25519:ours', new Uint8Array(32).fill(3));

interface World {
  readonly joins: RemoteJoins;
  readonly joining: JoiningRooms;
  readonly entries: RoomEntry[];
  join(resident: FakeResident, request?: Partial<RemoteJoinRequest>): Promise<boolean>;
}

/** What takes the room notes it alone: what that does with it is another story. */
function start(residents: readonly FakeResident[]): World {
  const { clock, timers } = createManualWorld();
  const entries: RoomEntry[] = [];
  const joining = new JoiningRooms();
  for (const resident of residents) resident.addKey('here', OUR_KEY);
  const joins = new RemoteJoins({
    remote: fakeRemoteServers(residents),
    receiver: {
      async enter(entry: RoomEntry) {
        expect(joining.has(entry.roomId)).toBe(true);
        entries.push(entry);
      },
    } as never,
    events: {} as never,
    candidates: { of: async (_roomId: string, _userId: string, named: readonly string[]) => [...named] } as never,
    signer: new MemberEventSigner({ serverName: 'here', key: OUR_KEY }, { clock, random: seededRandom(5) }),
    joining,
    platform: { clock, timers, log: silentLog },
  });
  return {
    joins,
    joining,
    entries,
    join: (resident, request = {}) =>
      joins.join({
        roomId: resident.roomId,
        userId: ALICE,
        content: { membership: 'join' },
        servers: [resident.serverName],
        isPresent: false,
        ...request,
      }),
  };
}

/** How the join ends, with the given lie of its only server. */
async function lied(endpoint: string, lie: (answer: FakeAnswer) => FakeAnswer | Promise<FakeAnswer>) {
  const resident = new FakeResident('far');
  const world = start([resident]);
  resident.lie(endpoint, lie);
  const error = await world.join(resident).catch((thrown: unknown) => thrown);
  expect(world.entries).toEqual([]);
  expect(world.joining.has(resident.roomId)).toBe(false);
  if (!(error instanceof MatrixError)) throw error;
  return [error.status, error.errcode, error.message];
}

function changed(change: (body: Record<string, never>) => unknown) {
  return (answer: FakeAnswer): FakeAnswer => ({
    ...answer,
    body: change(structuredClone(bodyOf(answer)) as never) as never,
  });
}

describe('joining a room over another server', () => {
  test.each(['1', '2', '3', '6', '10', '11', '12'])(
    'of version %s brings its state and its auth chain',
    async (version) => {
      const resident = new FakeResident('far', { version });
      resident.setState('m.room.name', '', { name: 'Nearer' });
      resident.say('Hello');
      const world = start([resident]);
      expect(await world.join(resident)).toBe(true);
      const [entry] = world.entries;
      const stateIds = entry?.state.map(({ pdu }) => pdu.eventId).sort();
      const member = (pdu: { stateKey: string | undefined }) => pdu.stateKey !== ALICE;
      const expected = [...resident.state.values()].filter(member).map(({ eventId }) => eventId);
      expect(stateIds).toEqual(expected.sort());
      expect(entry?.version.id).toBe(version);
      expect(entry?.event.pdu).toMatchObject({ sender: ALICE, stateKey: ALICE, content: { membership: 'join' } });
      expect(resident.asked).toEqual(['GET make_join', 'PUT send_join']);
    },
  );

  test('says who let the newcomer in, with that server’s signature', async () => {
    const allow = [{ type: 'm.room_membership', room_id: '!other:far' }];
    const resident = new FakeResident('far', { joinRule: { join_rule: 'restricted', allow } });
    const world = start([resident]);
    await world.join(resident);
    const event = world.entries[0]?.event.pdu;
    expect(event?.content.join_authorised_via_users_server).toBe(resident.creator);
    expect(Object.keys(event?.json.signatures ?? {}).sort()).toEqual(['far', 'here']);
  });

  test('asks the servers in their order, and passes on what says most', async () => {
    const closed = new FakeResident('closed');
    closed.lie('make_join', () => refusal(403, 'M_FORBIDDEN'));
    const gone = new FakeResident('gone');
    gone.lie('make_join', () => refusal(404, 'M_NOT_FOUND'));
    const world = start([closed, gone]);
    const servers = ['nobody', 'closed', 'gone'];
    const error = await world.join(closed, { servers }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ errcode: 'M_FORBIDDEN', message: 'closed refused: No.' });
    expect([closed.asked, gone.asked]).toEqual([['GET make_join'], ['GET make_join']]);

    const helpful = new FakeResident('helpful');
    const other = start([closed, helpful]);
    expect(await other.join(helpful, { servers: ['closed', 'helpful', 'nobody'] })).toBe(true);
  });

  test('without a server to ask it is not found', async () => {
    const resident = new FakeResident('far');
    await expect(start([]).join(resident, { servers: [] })).rejects.toMatchObject({ errcode: 'M_NOT_FOUND' });
    await expect(start([]).join(resident)).rejects.toMatchObject({ errcode: 'M_UNKNOWN', status: 502 });
  });

  test('asks ten servers at most', async () => {
    const resident = new FakeResident('far');
    const servers = Array.from({ length: 10 }, (_, index) => `nobody${index}`);
    await expect(start([resident]).join(resident, { servers: [...servers, 'far'] })).rejects.toMatchObject({
      status: 502,
    });
    expect(resident.asked).toEqual([]);
  });

  test('of several users who come at once the first brings the room', async () => {
    const resident = new FakeResident('far');
    const world = start([resident]);
    const all = await Promise.all([world.join(resident), world.join(resident, { userId: '@bob:here' })]);
    expect(all).toEqual([true, false]);
    expect(resident.asked).toEqual(['GET make_join', 'PUT send_join']);
  });

  test('falls back to the first version of send_join', async () => {
    const resident = new FakeResident('far');
    let calls = 0;
    resident.lie('send_join', (answer) => {
      calls++;
      return calls === 1 ? refusal(404, 'M_UNRECOGNIZED') : { status: 200, body: [200, bodyOf(answer)] };
    });
    const world = start([resident]);
    expect(await world.join(resident)).toBe(true);
    expect(resident.asked).toEqual(['GET make_join', 'PUT send_join', 'PUT send_join']);
  });

  test('lets everything else go on while a large state is checked (H3)', async () => {
    const resident = new FakeResident('far');
    for (let index = 0; index < 1_000; index++) resident.setState('org.example.slot', `${index}`, {});
    const world = start([resident]);
    let turns = 0;
    let isDone = false;
    const count = () => {
      turns++;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await world.join(resident);
    isDone = true;
    expect(world.entries[0]?.state.length).toBeGreaterThan(1_000);
    expect(turns).toBeGreaterThanOrEqual(10);
  });

  test('fetches what the auth chain lacks', async () => {
    const resident = new FakeResident('far');
    resident.setState('m.room.power_levels', '', { users: { [resident.creator]: 100 }, invite: 1 });
    resident.lie(
      'send_join',
      changed((body) => ({ ...body, auth_chain: [] })),
    );
    const world = start([resident]);
    expect(await world.join(resident)).toBe(true);
    // The power levels before these are in no state any more.
    expect(resident.asked.filter((asked) => asked === 'GET event')).toHaveLength(1);
    expect(world.entries[0]?.authChain.map(({ pdu }) => pdu.type)).toEqual(['m.room.power_levels']);
  });
});

describe('a server that cannot be trusted is refused', () => {
  const template = (event: object) =>
    changed((body: Record<string, object>) => ({ ...body, event: { ...body.event, ...event } }));

  test.each([
    ['another user', template({ sender: '@bob:here', state_key: '@bob:here' })],
    ['another state key', template({ state_key: '@bob:here' })],
    ['another room', template({ room_id: '!other:far' })],
    ['another type', template({ type: 'm.room.power_levels' })],
    ['another membership', template({ content: { membership: 'leave' } })],
    ['no previous events', template({ prev_events: [] })],
    ['too many previous events', template({ prev_events: Array.from({ length: 21 }, (_, index) => `$e${index}`) })],
    ['a depth beyond all numbers', template({ depth: 2 ** 63 })],
    ['a version that nobody knows', changed((body) => ({ ...body, room_version: '99' }))],
    ['a version that is no text', changed((body) => ({ ...body, room_version: 11 }))],
    ['no object', () => ({ status: 200, body: 'Hello' })],
    ['HTML', () => ({ status: 200, body: null, text: '<html>' })],
  ])('whose template is of %s', async (_name, lie) => {
    expect(await lied('make_join', lie as never)).toEqual([
      502,
      'M_UNKNOWN',
      expect.stringContaining('cannot be used'),
    ]);
  });

  test('whose template is of another version than its room', async () => {
    const resident = new FakeResident('far', { version: '10' });
    const world = start([resident]);
    resident.lie(
      'make_join',
      changed((body) => ({ ...body, room_version: '9' })),
    );
    resident.lie(
      'send_join',
      changed(({ event: _event, ...body }) => body),
    );
    await expect(world.join(resident)).rejects.toMatchObject({
      status: 502,
      message: expect.stringContaining('another version'),
    });
  });

  test.each([
    ['has no state', changed((body) => ({ ...body, state: [] })), 'm.room.create'],
    ['is of another room', () => stateOfAnotherRoom(), 'another room'],
    [
      'has another event than the join',
      changed(({ state, ...body }: Record<string, never[]>) => ({ ...body, state, event: state?.[0] })),
      'another event',
    ],
    ['has two events in one slot', changed(withBothNames), 'one slot'],
    ['is a list', () => ({ status: 200, body: [] }), 'm.room.create'],
    ['is HTML', () => ({ status: 200, body: null, text: '<html>' }), 'no JSON'],
  ])('whose answer %s', async (_name, lie, reason) => {
    expect(await lied('send_join', lie as never)).toEqual([502, 'M_UNKNOWN', expect.stringContaining(reason)]);
  });

  test('that hides the ban', async () => {
    const resident = new FakeResident('far');
    const world = start([resident]);
    resident.setState('m.room.join_rules', '', { join_rule: 'invite' });
    await expect(world.join(resident)).rejects.toMatchObject({ message: expect.stringContaining('does not let') });
  });

  test('event by event, where signatures are wrong or auth events are not to be had', async () => {
    const resident = new FakeResident('far');
    const lost = resident.setState('m.room.topic', '', { topic: 'Lost' });
    const world = start([resident]);
    resident.lie('send_join', (answer) => {
      const body = structuredClone(bodyOf(answer)) as Record<string, { type: string }[]>;
      const topic = body.state?.find((event) => event.type === 'm.room.topic');
      Object.assign(topic ?? {}, { signatures: { far: { 'ed25519:fake': 'A'.repeat(86) } } });
      return { ...answer, body: body as never };
    });
    expect(await world.join(resident)).toBe(true);
    const state = world.entries[0]?.state.map(({ pdu }) => pdu.type);
    expect(state).not.toContain(lost.type);
    expect(state).toContain('m.room.name');
  });
});

function withBothNames(body: Record<string, never[]>) {
  const resident = new FakeResident('far');
  resident.setState('m.room.name', '', { name: 'One' });
  const second = resident.setState('m.room.name', '', { name: 'Two' });
  return { ...body, state: [...(body.state ?? []), second.json] };
}

function stateOfAnotherRoom(): FakeAnswer {
  const other = new FakeResident('far', { version: '12' });
  const state = [...other.state.values()].map(({ json }) => json);
  return { status: 200, body: { origin: 'far', state, auth_chain: [] } };
}
