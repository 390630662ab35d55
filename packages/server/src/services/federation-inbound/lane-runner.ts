import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { trustedPdu } from '@limpet/protocol/parse-pdu';
import type { StagedEventRow } from '../../storage/queries/staged-events.ts';
import { Turns } from '../accounts/turns.ts';
import type { ReceivedEvent } from '../rooms/received-event.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { verifyReceived } from '../rooms/verify-received.ts';
import type { Fetching } from './fetching.ts';
import type { InboundParts } from './inbound-parts.ts';
import { KnownEvents } from './known-events.ts';
import { type Lane, laneKey } from './lane.ts';
import type { NextRun } from './lane-scheduler.ts';
import { type PlaceOutcome, placeEvents } from './place-events.ts';
import { RemoteEvents } from './remote-events.ts';
import { StuckEvents } from './stuck-events.ts';
import { createTimeLimit } from './time-limit.ts';

/** Staged events that are placed together. */
const EVENTS_PER_RUN = 200;
/** From the first request to the last one of a run; a server that answers slowly has had its time then. */
const MAX_FETCHING_MS = 60_000;
/** Servers that are asked for missing events, the one that sent them among them. */
const MAX_SERVERS = 4;
/** Events named in one line of the log. */
const MAX_LOGGED = 50;

interface StagedEvent {
  readonly stagedNid: number;
  readonly event: ReceivedEvent;
}

/** What of a lane is placed together. */
interface LaneBatch {
  readonly room: RoomRecord;
  readonly rows: readonly StagedEventRow[];
}

/** Places what waits in a lane, as far as it can. */
export class LaneRunner {
  readonly #parts: InboundParts;
  readonly #stuck = new StuckEvents();
  readonly #askingTurns = new Turns();
  /** Lanes where something failed. */
  readonly #careful = new Set<string>();

  constructor(parts: InboundParts) {
    this.#parts = parts;
  }

  /** How many of those that wait there were tried in vain. */
  countStuck(lane: Lane): number {
    return this.#stuck.resting(lane, this.#nowMs()).length;
  }

  /** These events are in their room now. Gives the lanes where something waits for them, which are to be run. */
  arrived(eventIds: readonly string[]): Lane[] {
    return this.#stuck.arrived(eventIds);
  }

  async run(lane: Lane): Promise<NextRun> {
    const { staged, events, localMembers, joining } = this.#parts;
    const room = await events.room(lane.roomId);
    if (room === undefined || !(await localMembers.areIn(room))) {
      // Whoever joins it wakes the lane at the end (E2).
      return joining.has(lane.roomId) ? 'never' : this.#dropAll(lane);
    }
    const limit = this.#careful.has(laneKey(lane)) ? 1 : EVENTS_PER_RUN;
    const rows = await staged.read(lane, this.#stuck.resting(lane, this.#nowMs()), limit);
    if (rows.length === 0) this.#careful.delete(laneKey(lane));
    else await this.#placeCarefully(lane, { room, rows });
    return rows.length === limit ? 'now' : (this.#stuck.untilNextMs(lane, this.#nowMs()) ?? 'never');
  }

  /**
   * Where something fails that should not, the events are taken one by one from then on: one that we cannot bear must
   * not keep the others back for ever.
   */
  async #placeCarefully(lane: Lane, batch: LaneBatch): Promise<void> {
    try {
      await this.#place(lane, batch);
    } catch (error) {
      // Too much to do, or a policy server that is away: no event's fault.
      if (error instanceof MatrixError) throw error;
      this.#careful.add(laneKey(lane));
      const [row] = batch.rows;
      if (batch.rows.length === 1 && row !== undefined) {
        if (this.#stuck.fail(lane, row.staged_nid, { missing: [], nowMs: this.#nowMs() })) {
          await this.#parts.staged.remove(lane, [row.staged_nid]);
          this.#parts.noteRefusals(lane, [{ eventId: row.event_id, reason: 'It could not be processed.' }]);
        }
      }
      throw error;
    }
  }

  /** The last user of this server has left the room meanwhile, or the join that the events waited for has failed. */
  async #dropAll(lane: Lane): Promise<NextRun> {
    const rows = await this.#parts.staged.read(lane, [], EVENTS_PER_RUN);
    const stagedNids = rows.map((row) => row.staged_nid);
    await this.#parts.staged.remove(lane, stagedNids);
    this.#stuck.forgetLane(lane);
    const eventIds = rows.map((row) => row.event_id).slice(0, MAX_LOGGED);
    if (rows.length > 0) {
      this.#parts.platform.log.info('Events of another server are dropped: nobody here is in the room', {
        ...lane,
        count: rows.length,
        eventIds,
      });
    }
    return rows.length === EVENTS_PER_RUN ? 'now' : 'never';
  }

  async #place(lane: Lane, { room, rows }: LaneBatch): Promise<void> {
    const { platform, staged, policy, receiver } = this.#parts;
    const refusals: { eventId: string; reason: string }[] = [];
    const readable = await this.#read(room, rows, (eventId, reason) => refusals.push({ eventId, reason }));
    const limit = createTimeLimit(platform.timers, MAX_FETCHING_MS);
    let outcomes: ReadonlyMap<string, PlaceOutcome>;
    try {
      const fetching = await this.#fetching(lane, room, limit.signal);
      outcomes = await placeEvents(
        readable.map(({ event }) => event),
        { receiver, fetching, applyPolicy: (received) => policy.apply(room, received) },
      );
    } finally {
      limit.cancel();
    }
    const isWaiting = new Set<number>();
    for (const { stagedNid, event } of readable) {
      const waiting = waitingFor(outcomes.get(event.pdu.eventId));
      if (waiting === undefined) continue;
      const isLast = this.#stuck.fail(lane, stagedNid, { missing: waiting.missing, nowMs: this.#nowMs() });
      if (isLast) refusals.push({ eventId: event.pdu.eventId, reason: waiting.reason });
      else isWaiting.add(stagedNid);
    }
    const done = rows.map((row) => row.staged_nid).filter((stagedNid) => !isWaiting.has(stagedNid));
    await staged.remove(lane, done);
    for (const stagedNid of done) this.#stuck.forget(lane, stagedNid);
    for (const [eventId, outcome] of outcomes) {
      if ('reason' in outcome && outcome.outcome !== 'waiting') refusals.push({ eventId, reason: outcome.reason });
    }
    this.#parts.noteRefusals(lane, refusals);
    this.#parts.noteArrivals([...outcomes].filter(([, outcome]) => isInRoom(outcome)).map(([eventId]) => eventId));
  }

  /** Those that hold; of events that came before their room was known, the first checks are made now. */
  async #read(
    room: RoomRecord,
    rows: readonly StagedEventRow[],
    refuse: (eventId: string, reason: string) => void,
  ): Promise<StagedEvent[]> {
    const read: StagedEvent[] = [];
    for (const row of rows) {
      const json = JSON.parse(row.json) as JsonObject;
      if (row.is_verified === 1) {
        const pdu = trustedPdu(json, room.version, row.event_id);
        read.push({ stagedNid: row.staged_nid, event: { pdu, canonicalJson: row.json, receivedTs: row.received_ts } });
        continue;
      }
      const verdict = await this.#verify(room, row, json);
      if (verdict.allowed) read.push({ stagedNid: row.staged_nid, event: verdict.event });
      else refuse(row.event_id, verdict.reason);
    }
    return read;
  }

  async #verify(room: RoomRecord, row: StagedEventRow, json: JsonValue) {
    const { acls, keys } = this.#parts;
    const access = await acls.check(room, row.origin);
    if (!access.allowed) return access;
    const verification = { version: room.version, keys, receivedTs: row.received_ts };
    const [verified] = await verifyReceived(isJsonObject(json) ? [json] : [], verification);
    return verified ?? NOT_AN_EVENT;
  }

  async #fetching(lane: Lane, room: RoomRecord, signal: AbortSignal): Promise<Fetching> {
    const { remoteServers, storage, platform, keys, roomServers, staged } = this.#parts;
    const others = [...(await roomServers.in(room))].filter((server) => server !== lane.origin);
    const first = others.length === 0 ? 0 : (platform.random.bytes(1)[0] ?? 0) % others.length;
    const rotated = [...others.slice(first), ...others.slice(0, first)];
    return {
      room,
      servers: [lane.origin, ...rotated].slice(0, MAX_SERVERS),
      remote: new RemoteEvents(remoteServers, { log: platform.log, signal, turns: this.#askingTurns }),
      known: new KnownEvents(storage, room),
      keys,
      storage,
      platform,
      stagedByIds: async (eventIds) => {
        const rows = await staged.byIds(room.roomId, eventIds);
        return (await this.#read(room, rows, ignore)).map(({ event }) => event);
      },
    };
  }

  #nowMs(): number {
    return this.#parts.platform.clock.monotonicMs();
  }
}

/** Why it has to wait; `undefined` for what is done. */
function waitingFor(outcome: PlaceOutcome | undefined) {
  if (outcome?.outcome === 'waiting') return outcome;
  if (outcome !== undefined && outcome.outcome !== 'missing') return undefined;
  const missing = [...(outcome?.prevEvents ?? []), ...(outcome?.authEvents ?? [])];
  return { reason: 'The room does not have what it rests on.', missing };
}

const NOT_AN_EVENT = { allowed: false, reason: 'It is no JSON object.' } as const;

/** Its own lane says what is wrong with it. */
function ignore(): void {}

function isInRoom({ outcome }: PlaceOutcome): boolean {
  return outcome !== 'waiting' && outcome !== 'missing';
}
