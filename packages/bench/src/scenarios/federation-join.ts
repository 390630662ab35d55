import { attempt, type BenchContext } from '../bench-context.ts';
import { TargetFault } from '../faults.ts';
import { inParallel } from '../in-parallel.ts';
import type { MatrixUser } from '../matrix/matrix-user.ts';
import { OWN_SERVER_NAME } from '../read-options.ts';
import { percentile } from '../report/percentile.ts';
import type { Member } from '../targets/start-federation.ts';

const SCENARIO = 'federation-join';
/** Servers that join, one after the other. */
const JOINING_SERVERS = 3;
const MAX_AT_ONCE = 32;
/** Tries of a client that looks for the room. */
const MAX_SYNCS = 60;
const SYNC_WAIT_MS = 1_000;

const FILTER = {
  presence: { not_types: ['*'] },
  room: { timeline: { limit: 10 }, state: { lazy_load_members: true } },
};

/** A server that knows nothing of a large room joins it. */
export async function measureFederationJoin(context: BenchContext): Promise<void> {
  const subject = context.subjects.find(({ name }) => name === OWN_SERVER_NAME);
  if (subject === undefined) return;
  const { options, progress, report } = context;
  await attempt(context, { scenario: SCENARIO, subject }, async () => {
    await using federation = await context.startFederation(JOINING_SERVERS + 1);
    const [home, ...others] = federation.members;
    if (home === undefined) throw new Error('A federation of none');
    const roomId = await makeRoom(context, home);
    const joins = new Float64Array(others.length);
    const views = new Float64Array(others.length);
    for (const [index, { homeserver }] of others.entries()) {
      progress.begin(`Joining from server ${index + 1} of ${others.length}`);
      const [user] = await homeserver.registerUsers(1);
      if (user === undefined) throw new Error('No user was registered');
      const { joinMs, viewMs } = await joinFrom(user, roomId, home.serverName);
      joins[index] = joinMs;
      views[index] = viewMs;
    }
    const room = `${options.members} members, ${options.roomEvents} events`;
    for (const [text, values, share] of [
      ['join, median of three', joins, 0.5],
      ['join, worst', joins, 1],
      ['until the client has the room, worst', views, 1],
    ] as const) {
      const value = percentile(values.sort(), share);
      report.add({ scenario: SCENARIO, name: `${room}, ${text}`, unit: 'ms', subject, value });
    }
  });
}

/** Members join, then they write until the room has its number of events. */
async function makeRoom({ options, progress }: BenchContext, { homeserver }: Member): Promise<string> {
  const users = await homeserver.registerUsers(options.members);
  const [owner, ...others] = users;
  if (owner === undefined) throw new Error('No user was registered');
  const roomId = await owner.createRoom();
  const joining = progress.begin('Members join', others.length);
  await inParallel(others.length, MAX_AT_ONCE, async (index) => {
    await others[index]?.join(roomId);
    joining.advance();
  });
  const messages = Math.max(0, options.roomEvents - options.members);
  const writing = progress.begin('Members write', messages);
  await inParallel(messages, Math.min(MAX_AT_ONCE, users.length), async (index, line) => {
    const content = { msgtype: 'm.text', body: `message ${index}` };
    await users[line]?.sendMessage(roomId, content, { transactionId: `join-${index}` });
    writing.advance();
  });
  for (const user of users) user.close();
  return roomId;
}

async function joinFrom(user: MatrixUser, roomId: string, via: string) {
  const filterId = await user.createFilter(FILTER);
  const begunMs = performance.now();
  await user.join(roomId, via);
  const joinMs = performance.now() - begunMs;
  for (let tries = 0; tries < MAX_SYNCS; tries++) {
    const { body } = await user.sync({ filterId, timeoutMs: SYNC_WAIT_MS });
    if (body.includes(roomId)) return { joinMs, viewMs: performance.now() - begunMs };
  }
  throw new TargetFault('The room that was joined never came in a /sync');
}
