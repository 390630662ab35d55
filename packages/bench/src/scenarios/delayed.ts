import { setTimeout as pause } from 'node:timers/promises';
import { attempt, type BenchContext } from '../bench-context.ts';
import { TargetFault } from '../faults.ts';
import { inParallel } from '../in-parallel.ts';
import { call, textOf } from '../matrix/call.ts';
import { type MatrixUser, sendPath } from '../matrix/matrix-user.ts';
import { OWN_SERVER_NAME } from '../read-options.ts';
import { Durations } from '../report/durations.ts';
import type { Federation } from '../targets/start-federation.ts';
import { DelayedWatcher } from './delayed-watcher.ts';
import { marker } from './marker.ts';

const SCENARIO = 'delayed';
const CLIENTS = 250;
const EVENTS_OF_CLIENT = 4;
const EVENTS = CLIENTS * EVENTS_OF_CLIENT;
/** As the clients of calls do it. */
const RESTART_EVERY_MS = 4_000;
const DELAY_MS = 8_000;
/** The events of the second part fall due over so long a time, and the server is killed in its middle. */
const KILL_WINDOW_MS = 4_000;
/** What has not come by then never will. */
const MAX_WAIT_MS = 60_000;
/** Long enough for what would come a second time. */
const SETTLE_MS = 3_000;
const CHECK_MS = 20;
const MAX_PREPARING = 8;

/**
 * A thousand delayed events that 250 clients restart every 4 seconds, until the clients vanish: how late each is sent.
 * Then as many that fall due while the server is killed and started again. None may come early, or twice.
 */
export async function measureDelayed(context: BenchContext): Promise<void> {
  const subject = context.subjects.find(({ name }) => name === OWN_SERVER_NAME);
  if (subject === undefined) return;
  const add = (name: string, value: number) =>
    context.report.add({ scenario: SCENARIO, name, unit: 'ms', subject, value });
  await attempt(context, { scenario: SCENARIO, subject }, async () => {
    await using federation = await context.startFederation(1);
    const scene = await prepare(context, federation);
    try {
      const lateness = await measureVanishing(context, scene);
      const [p50, p99, worst] = lateness.percentiles(0.5, 0.99, 1);
      add(`${EVENTS} sent after their last restart, lateness p50`, p50);
      add(`${EVENTS} sent after their last restart, lateness p99`, p99);
      add(`${EVENTS} sent after their last restart, lateness at most`, worst);
      add(`restart of one of ${EVENTS}, p99`, scene.restarts.percentiles(0.99)[0]);
      add(
        `${EVENTS} due around a kill -9, until all were sent once after the start`,
        await measureKill(context, scene),
      );
    } finally {
      scene.watcher.stop();
    }
  });
}

interface Scene {
  readonly server: Federation['members'][number];
  readonly users: readonly MatrixUser[];
  readonly roomId: string;
  readonly watcher: DelayedWatcher;
  /** How long restarts took. */
  readonly restarts: Durations;
}

async function prepare({ progress }: BenchContext, { members: [server] }: Federation): Promise<Scene> {
  if (server === undefined) throw new Error('A federation of none');
  const [watching, ...users] = await server.homeserver.registerUsers(CLIENTS + 1);
  if (watching === undefined) throw new Error('No user was registered');
  const roomId = await watching.createRoom();
  const bar = progress.begin('Joining the room', users.length);
  await inParallel(users.length, MAX_PREPARING, async (index) => {
    await users[index]?.join(roomId);
    bar.advance();
  });
  const watcher = new DelayedWatcher(watching, 2 * EVENTS);
  await watcher.begin();
  return { server, users, roomId, watcher, restarts: new Durations() };
}

/** Restarts all events for a while, and leaves them alone then: how late each was after its last restart. */
async function measureVanishing({ options, progress }: BenchContext, scene: Scene): Promise<Durations> {
  const untilMs = performance.now() + options.delayedSeconds * 1_000;
  const bar = progress.begin(`Restarting ${EVENTS} delayed events`, CLIENTS);
  const events: PendingEvent[] = [];
  await inParallel(CLIENTS, CLIENTS, async (client) => {
    await pause((client / CLIENTS) * RESTART_EVERY_MS);
    const own: PendingEvent[] = [];
    for (let number = 0; number < EVENTS_OF_CLIENT; number++) {
      own.push(await schedule(scene, client, { index: client * EVENTS_OF_CLIENT + number, delayMs: DELAY_MS }));
    }
    while (performance.now() < untilMs) {
      const begunMs = performance.now();
      for (const event of own) await restart(scene, event);
      await pause(Math.max(0, RESTART_EVERY_MS - (performance.now() - begunMs)));
    }
    events.push(...own);
    bar.advance();
  });
  await untilReceived(scene, events);
  return latenessOf(scene, events);
}

/** From the start after a kill until the last of them has come. */
async function measureKill({ progress }: BenchContext, scene: Scene): Promise<number> {
  const { server } = scene;
  const bar = progress.begin(`Scheduling ${EVENTS} delayed events`, EVENTS);
  const events: PendingEvent[] = [];
  await inParallel(CLIENTS, CLIENTS, async (client) => {
    for (let number = 0; number < EVENTS_OF_CLIENT; number++) {
      const order = client * EVENTS_OF_CLIENT + number;
      const delayMs = DELAY_MS + Math.round((order / EVENTS) * KILL_WINDOW_MS);
      events.push(await schedule(scene, client, { index: EVENTS + order, delayMs }));
      bar.advance();
    }
  });
  const middleMs = [...events].sort((left, right) => left.dueMs - right.dueMs)[EVENTS / 2]?.dueMs ?? 0;
  await pause(Math.max(0, middleMs - performance.now()));
  progress.begin('Killing the server, and starting it again');
  await server.kill();
  await server.start();
  const startedMs = performance.now();
  await untilReceived(scene, events);
  latenessOf(scene, events);
  return Math.max(...events.map(({ index }) => scene.watcher.receivedMs(index))) - startedMs;
}

interface PendingEvent {
  readonly user: MatrixUser;
  readonly index: number;
  readonly delayId: string;
  readonly delayMs: number;
  /** The earliest instant at which it may be sent: counted from when the bench asked. */
  dueMs: number;
}

async function schedule(
  { users, roomId }: Scene,
  client: number,
  { index, delayMs }: { index: number; delayMs: number },
): Promise<PendingEvent> {
  const user = users[client];
  if (user === undefined) throw new Error('A client without a user');
  const path = `${sendPath(roomId, `delayed-${index}`)}?org.matrix.msc4140.delay=${delayMs}`;
  const dueMs = performance.now() + delayMs;
  const body = { msgtype: 'm.text', body: marker(index) };
  const answer = await call(user.connection, { method: 'PUT', path, body });
  return { user, index, delayId: textOf(answer, 'delay_id'), delayMs, dueMs };
}

async function restart({ restarts }: Scene, event: PendingEvent): Promise<void> {
  const path = `/_matrix/client/unstable/org.matrix.msc4140/delayed_events/${event.delayId}/restart`;
  const begunMs = performance.now();
  await call(event.user.connection, { method: 'POST', path, body: {} });
  restarts.add(performance.now() - begunMs);
  event.dueMs = begunMs + event.delayMs;
}

/** Until all have come, and no one of them could come a second time any more. */
async function untilReceived({ watcher }: Scene, events: readonly PendingEvent[]): Promise<void> {
  const lastDueMs = Math.max(...events.map(({ dueMs }) => dueMs));
  const missing = () => events.filter(({ index }) => watcher.timesReceived(index) === 0).length;
  while (missing() > 0) {
    if (performance.now() > lastDueMs + MAX_WAIT_MS) {
      throw new TargetFault(`${missing()} of ${events.length} delayed events were never sent`);
    }
    await watcher.alive(pause(CHECK_MS));
  }
  await watcher.alive(pause(SETTLE_MS));
}

/** Throws TargetFault where one came early, or twice. */
function latenessOf({ watcher }: Scene, events: readonly PendingEvent[]): Durations {
  const twice = events.filter(({ index }) => watcher.timesReceived(index) > 1).length;
  if (twice > 0) throw new TargetFault(`${twice} of ${events.length} delayed events were sent more than once`);
  const early = events.filter(({ index, dueMs }) => watcher.receivedMs(index) < dueMs).length;
  if (early > 0) throw new TargetFault(`${early} of ${events.length} delayed events were sent early`);
  const lateness = new Durations();
  for (const { index, dueMs } of events) lateness.add(watcher.receivedMs(index) - dueMs);
  return lateness;
}
