import { authorizeEvent } from '@limpet/protocol/authorization/authorize-event';
import { powerLevelsOf } from '@limpet/protocol/authorization/power-levels';
import { serverNameOf } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../../platform/platform.ts';
import { selectFirstRoomIndex } from '../../../storage/queries/event-graph.ts';
import { selectKeptBackStickyEvents, selectRoomsWithKeptBack } from '../../../storage/queries/sticky-events.ts';
import type { Storage } from '../../../storage/storage.ts';
import { Turns } from '../../accounts/turns.ts';
import type { EventStore } from '../event-store.ts';
import type { LoadedRoom } from '../loaded-room.ts';
import type { Projection } from '../projection.ts';
import type { ReceivedEvent, Reception } from '../received-event.ts';
import type { Decision, RoomInTurn } from '../room-actor.ts';
import type { RoomEvent, RoomRecord } from '../room-event.ts';
import type { HistoryOptions, ReceiveOptions, RemoteMembership, RoomEntry, RoomReceiver } from '../room-receiver.ts';
import type { RoomWatcher, RoomWriter } from '../room-writer.ts';
import type { SlotTable } from '../slot-table.ts';
import type { StateStore } from '../state-store.ts';
import { stickyEndIn } from '../sticky-end.ts';
import { AuthGraphReader } from './auth-graph.ts';
import { DraftRoom } from './draft-room.ts';
import { enterRoom } from './enter-room.ts';
import { type GivenState, givenState } from './given-state.ts';
import { HeldEvents } from './held-events.ts';
import { planHistory, writeHistory } from './keep-history.ts';
import { keepOutliers } from './keep-outliers.ts';
import { noteRemoteMembership, recordRoom } from './note-remote-membership.ts';
import { planArrival } from './plan-arrival.ts';
import { Planning } from './planning.ts';
import { authorizingKeys, StateRefs } from './state-refs.ts';

/** Soft-failed sticky events of one room that one re-check looks at; the next change looks at them again. */
const MAX_RECHECKED = 1_000;
/** Kept-back events that one batch gives their place. */
const MAX_RELEASED = 200;
/** Local members that are asked whether they may bring ends of the graph together. */
const MAX_MERGERS = 100;
/** An event that only joins ends of the graph. Clients do not know its type and pass over it. */
const DUMMY_TYPE = 'org.matrix.dummy_event';

export interface ReceiverParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly serverName: string;
  readonly events: EventStore;
  readonly state: StateStore;
  readonly slots: SlotTable;
  readonly projections: readonly Projection[];
  readonly writer: RoomWriter;
  readonly limits: ReceivingLimits;
}

export interface ReceivingLimits {
  /** E5: sticky events that one server may bring into one room at once, and a second from then on. */
  readonly stickyBurst: number;
  readonly stickyPerSecond: number;
  /** E4: ends of a room's graph above which this server brings them together. */
  readonly maxExtremities: number;
}

/** See the interface. What one room receives is taken in one after the other. */
export class Receiver implements RoomReceiver, RoomWatcher {
  readonly #parts: ReceiverParts;
  readonly #refs: StateRefs;
  readonly #authGraph: AuthGraphReader;
  readonly #held: HeldEvents;
  readonly #turns = new Turns();
  /** Rooms of which something is looked after in the background. */
  readonly #rechecking = new Set<string>();
  readonly #merging = new Set<string>();
  #background: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#refs = new StateRefs(parts);
    this.#authGraph = new AuthGraphReader(parts.storage, parts.platform.timers);
    const { stickyBurst: burst, stickyPerSecond: perSecond } = parts.limits;
    const release = (roomId: string, nids: readonly number[]) => this.#release(roomId, nids);
    this.#held = new HeldEvents({ platform: parts.platform, burst, perSecond, release });
  }

  /** Once: what was kept back before a restart goes on waiting, or is looked at. */
  async start(): Promise<void> {
    const { storage, platform } = this.#parts;
    for (const row of await storage.read(selectRoomsWithKeptBack, { nowMs: platform.clock.nowMs() })) {
      const room = await this.#parts.events.room(row.room_id);
      if (room === undefined) continue;
      const query = { roomNid: room.nid, isSoftFailed: 0, nowMs: 0, limit: Number.MAX_SAFE_INTEGER };
      const held = await storage.read(selectKeptBackStickyEvents, query);
      this.#held.hold(
        room.roomId,
        held.map(({ event_nid: nid }) => ({ nid, delayMs: 0 })),
      );
      this.#recheck(room.roomId);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#held.stop();
    await this.#background;
  }

  async receive(
    roomId: string,
    events: readonly ReceivedEvent[],
    options: ReceiveOptions = {},
  ): Promise<readonly Reception[]> {
    return this.#turns.run(roomId, async () => {
      let receptions: Reception[] = [];
      let held: { nid: number; delayMs: number }[] = [];
      await this.#parts.writer.changeForked(roomId, async (turn) => {
        const delays = new Map<string, number>();
        const planned = await this.#plan(turn, events, { ...options, delays });
        receptions = planned.receptions;
        held = planned.decision.planned.flatMap(({ fate, nid, received }) =>
          fate === 'held' ? [{ nid, delayMs: delays.get(received.pdu.eventId) ?? 0 }] : [],
        );
        return planned.decision;
      });
      this.#held.hold(roomId, held);
      return receptions;
    });
  }

  keepOutliers(room: RoomRecord, events: readonly ReceivedEvent[]): Promise<{ readonly leftOut: readonly string[] }> {
    const { storage, slots, platform } = this.#parts;
    const parts = { storage, slots, timers: platform.timers, events: this.#parts.events };
    return this.#turns.run(room.roomId, () => keepOutliers(room, events, parts));
  }

  async enter(entry: RoomEntry): Promise<void> {
    const { platform, writer } = this.#parts;
    const record = await recordRoom(entry, platform.clock.nowMs(), this.#parts);
    const parts = { ...this.#parts, timers: platform.timers };
    await this.#turns.run(entry.roomId, () => writer.replace(entry.roomId, () => enterRoom(record, entry, parts)));
  }

  async keepHistory(roomId: string, events: readonly ReceivedEvent[], options: HistoryOptions): Promise<void> {
    await this.#turns.run(roomId, async () => {
      await this.#parts.writer.changeForked(roomId, async (turn) => {
        const draft = new DraftRoom(turn);
        const planning = this.#planning(turn, options);
        await planning.prepare(events, new Map());
        const given = await this.#given(draft, options.stateBefore ?? []);
        if (!given.isComplete) throw new Error(`The state before history lacks ${given.missing.length} events`);
        const planned = await planHistory(draft, events, planning, given.state);
        if (planned.length === 0) return { events: [] };
        const { room } = turn;
        const { after = Number.MIN_SAFE_INTEGER } = options;
        const [first] = await this.#parts.storage.read(selectFirstRoomIndex, { roomNid: room.roomNid, after });
        const firstIndex = first?.room_index ?? 1;
        const history = { planned, firstIndex: options.after === undefined ? Math.min(firstIndex, 1) : firstIndex };
        return {
          events: [],
          alongside: (transaction) => {
            for (const event of writeHistory(transaction, room, history, this.#parts)) {
              this.#parts.events.remember(event);
            }
          },
        };
      });
    });
  }

  async noteRemoteMembership(membership: RemoteMembership): Promise<void> {
    const nowMs = this.#parts.platform.clock.nowMs();
    await this.#turns.run(membership.roomId, async () => {
      const record = await recordRoom(membership, nowMs, this.#parts);
      await noteRemoteMembership(record, membership, this.#parts);
    });
  }

  afterWrite(room: LoadedRoom, { hasNewState }: { readonly hasNewState: boolean }): void {
    if (hasNewState && room.hasRefusedSticky) this.#recheck(room.roomId);
    const { maxExtremities } = this.#parts.limits;
    if (room.extremities.length > maxExtremities) this.#merge(room.roomId);
  }

  /** E4: an event of one of our users that names as many ends as it can. Nobody may be there who could send it. */
  async mergeEnds(roomId: string): Promise<void> {
    await this.#turns.run(`${roomId} merge`, async () => {
      await this.#parts.writer.changeForked(roomId, async (turn) => {
        const { room } = turn;
        if (room.extremities.length <= 1) return { events: [] };
        const sender = mergerIn(room);
        if (sender === undefined) return { events: [] };
        await turn.loadMembers(sender);
        return this.#mergeOf(turn, sender);
      });
    });
  }

  async #mergeOf(turn: RoomInTurn, sender: string): Promise<Decision> {
    const { record, extremities } = turn.room;
    // The deepest ones: what rests on them is newest.
    const previous = [...extremities].sort((left, right) => right.pdu.depth - left.pdu.depth).slice(0, MAX_MERGED);
    const planning = this.#planning(turn, { isToBeSent: true });
    await planning.prepare([], cachedAmong(this.#parts.events, previous));
    const states = [];
    for (const { nid } of previous) states.push(await planning.stateAfterNid(nid));
    const state = await planning.resolve(states);
    const event = { sender, type: DUMMY_TYPE, content: {} };
    const authorizing = await planning.authorizing(state, { ...DUMMY_PDU, ...event });
    const made = turn.make(event, {
      roomId: record.roomId,
      version: record.version,
      state: authorizing,
      previous: previous.map(({ pdu }) => pdu),
    });
    const { decision } = await this.#plan(turn, [made], { isToBeSent: true, delays: new Map() });
    return decision;
  }

  async #plan(
    turn: RoomInTurn,
    events: readonly ReceivedEvent[],
    options: ReceiveOptions & { readonly delays: Map<string, number> },
  ) {
    const draft = new DraftRoom(turn);
    const planning = this.#planning(turn, options);
    await planning.prepare(events, this.#inMemory(draft, events));
    const receptions: Reception[] = [];
    for (const [index, event] of events.entries()) {
      const told = options.statesBefore?.get(event.pdu.eventId) ?? (index === 0 ? options.stateBefore : undefined);
      const given = told === undefined ? undefined : await this.#given(draft, told);
      if (given?.isComplete === false) {
        receptions.push({ outcome: 'missing', authEvents: given.missing, prevEvents: [] });
        continue;
      }
      receptions.push(await planArrival(draft, event, planning, given?.state));
    }
    // What the projections look at besides the event: its sender.
    await turn.loadMembers(...draft.plans.map(({ received }) => received.pdu.sender));
    return { receptions, decision: { events: [], planned: draft.plans } };
  }

  #planning(turn: RoomInTurn, options: ReceiveOptions & { readonly delays?: Map<string, number> }): Planning {
    const { platform } = this.#parts;
    return new Planning({
      ...this.#parts,
      refs: this.#refs,
      authGraph: this.#authGraph,
      log: platform.log,
      version: turn.room.record.version,
      written: () => turn.written(),
      isToBeSent: options.isToBeSent ?? false,
      isToBeHeld: (event) => {
        const delayMs = this.#delayOf(event);
        if (delayMs > 0) options.delays?.set(event.pdu.eventId, delayMs);
        return delayMs > 0;
      },
    });
  }

  /** E5: messages alone; a state event is what the room rests on from now on. */
  #delayOf({ pdu, receivedTs }: ReceivedEvent): number {
    const serverName = serverNameOf(pdu.sender);
    const isOurs = serverName === this.#parts.serverName;
    if (pdu.stateKey !== undefined || serverName === undefined || isOurs) return 0;
    const leftMs = (stickyEndIn(pdu, receivedTs) ?? 0) - this.#parts.platform.clock.nowMs();
    return leftMs <= 0 ? 0 : this.#held.delayOf(pdu.roomId, serverName, leftMs);
  }

  /** What most events cite: the ends of the graph, and current state. It costs no read. */
  #inMemory(draft: DraftRoom, events: readonly ReceivedEvent[]): Map<string, RoomEvent> {
    const { version } = draft.room.record;
    const candidates = [...draft.extremities];
    for (const { pdu } of events) {
      for (const { type, stateKey } of authorizingKeys(pdu, version)) {
        const held = draft.heldNow(type, stateKey);
        if (held !== undefined) candidates.push(held);
      }
    }
    return cachedAmong(this.#parts.events, candidates);
  }

  #given(draft: DraftRoom, eventIds: readonly string[]): Promise<GivenState> {
    return givenState(eventIds, draft.current, { refs: this.#refs, events: this.#parts.events });
  }

  /** E7: what current state refused is judged anew. */
  #recheck(roomId: string): void {
    if (this.#rechecking.has(roomId)) return;
    this.#rechecking.add(roomId);
    this.#inBackground('Soft-failed sticky events could not be checked again', roomId, async () => {
      this.#rechecking.delete(roomId);
      await this.#parts.writer.changeForked(roomId, (turn) => this.#judgeAnew(turn));
    });
  }

  async #judgeAnew(turn: RoomInTurn): Promise<Decision> {
    const { storage, platform, events } = this.#parts;
    const { room } = turn;
    const nowMs = platform.clock.nowMs();
    const query = { roomNid: room.roomNid, isSoftFailed: 1, nowMs, limit: MAX_RECHECKED };
    const rows = await storage.read(selectKeptBackStickyEvents, query);
    const found = await events.byNids(rows.map((row) => row.event_nid));
    const draft = new DraftRoom(turn);
    const released: RoomEvent[] = [];
    for (const row of rows) {
      const event = found.get(row.event_nid);
      if (event === undefined || event.place !== undefined) continue;
      const state = await draft.authorizingNow(event.pdu);
      if (!authorizeEvent(event.pdu, state, room.record.version).allowed) continue;
      // With what is left of it: it may have waited for long.
      if ((stickyEndIn(event.pdu, event.receivedTs) ?? 0) > nowMs) released.push(event);
    }
    room.hasRefusedSticky = rows.length > released.length;
    return { events: [], released };
  }

  async #release(roomId: string, nids: readonly number[]): Promise<void> {
    for (let start = 0; start < nids.length; start += MAX_RELEASED) {
      const some = nids.slice(start, start + MAX_RELEASED);
      await this.#parts.writer.changeForked(roomId, async (turn) => {
        const found = await this.#parts.events.byNids(some);
        const released = some.flatMap((nid) => found.get(nid) ?? []).filter(({ place }) => place === undefined);
        await turn.loadMembers(...released.map(({ pdu }) => pdu.sender));
        return { events: [], released };
      });
    }
  }

  #merge(roomId: string): void {
    if (this.#merging.has(roomId)) return;
    this.#merging.add(roomId);
    this.#inBackground('The ends of a room could not be brought together', roomId, async () => {
      try {
        await this.mergeEnds(roomId);
      } finally {
        this.#merging.delete(roomId);
      }
    });
  }

  #inBackground(failure: string, roomId: string, work: () => Promise<void>): void {
    if (this.#isStopped) return;
    const done = work().catch((error) => {
      if (error instanceof MatrixError) return;
      this.#parts.platform.log.error(failure, { roomId, error });
    });
    this.#background = Promise.all([this.#background, done]).then(() => {});
  }
}

/** Ends that one event brings together: as many as it can name. */
const MAX_MERGED = 20;

const DUMMY_PDU = {
  eventId: '',
  roomId: '',
  stateKey: undefined,
  originServerTs: 0,
  depth: 0,
  prevEvents: [],
  authEvents: [],
  redacts: undefined,
  json: {},
};

function cachedAmong(events: EventStore, candidates: readonly { readonly nid: number }[]): Map<string, RoomEvent> {
  const found = candidates.flatMap(({ nid }) => events.cached(nid) ?? []);
  return new Map(found.map((event) => [event.pdu.eventId, event]));
}

/** Some local member who may send messages. */
function mergerIn(room: LoadedRoom): string | undefined {
  const levels = powerLevelsOf(room.state, room.record.version);
  const needed = levels.requiredFor(DUMMY_TYPE, false);
  return room.localJoined
    .values()
    .take(MAX_MERGERS)
    .find((userId) => levels.levelOf(userId) >= needed);
}
