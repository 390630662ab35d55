import { authorizeEvent } from '@limpet/protocol/authorization/authorize-event';
import { type Pdu, stateEvent } from '@limpet/protocol/pdu';
import { ALLOWED, type Refusal, refused, type Verdict } from '@limpet/protocol/verdict';
import { loadSnapshotPieces } from '../load-room.ts';
import type { ForwardExtremity } from '../loaded-room.ts';
import type { ReceivedEvent, Reception } from '../received-event.ts';
import type { RoomEvent } from '../room-event.ts';
import type { Slot } from '../slot-table.ts';
import { identityOf, NO_STATE, type StateRef, withSlots } from '../state-ref.ts';
import { checkOwnAuthEvents } from './check-own-auth-events.ts';
import { type DraftRoom, plannedAsEvent } from './draft-room.ts';
import { extremitiesAfter } from './extremities-after.ts';
import type { ArrivalFate, NewSnapshot, PlannedArrival } from './planned-arrival.ts';
import type { Planning } from './planning.ts';
import { slotChanges } from './slot-changes.ts';

/**
 * Checks 4 to 6 of one event, and what is to be written of it. What was planned before counts as done.
 * Specification: server-server API, "Checks performed on receipt of a PDU".
 */
export async function planArrival(
  draft: DraftRoom,
  received: ReceivedEvent,
  planning: Planning,
  stateGiven?: StateRef,
): Promise<Reception> {
  const { pdu } = received;
  if (pdu.roomId !== draft.room.roomId) {
    return { outcome: 'rejected', reason: `The event is of the room ${pdu.roomId}.` };
  }
  const known = planning.known(pdu.eventId);
  if (known !== undefined && (known.stateBefore !== undefined || draft.planned(pdu.eventId) !== undefined)) {
    return { outcome: 'known' };
  }
  const missing = missingReferences(draft, pdu, { stateGiven, planning });
  if (missing !== undefined) return missing;

  const stateBefore = stateGiven ?? (await stateBeforeOf(draft, pdu, planning));
  const byAuthEvents = known?.isRejected ? refused('It was rejected before.') : checkByAuthEvents(draft, pdu, planning);
  const byStateBefore = byAuthEvents.allowed ? await checkByStateBefore(draft, pdu, stateBefore, planning) : ALLOWED;
  const refusal = refusalIn(byAuthEvents, byStateBefore);
  if (refusal !== undefined) {
    await plan({ draft, received, planning, stateBefore, fate: 'rejected', known });
    return { outcome: 'rejected', reason: refusal.reason };
  }
  const isGiven = stateGiven !== undefined;
  const now = await checkByCurrentState(draft, received, { stateBefore, isGiven, planning });
  if (!now.allowed) {
    await plan({ draft, received, planning, stateBefore, fate: 'soft-failed', known });
    return { outcome: 'soft-failed', reason: now.reason };
  }
  await plan({ draft, received, planning, stateBefore, fate: 'accepted', known });
  return { outcome: 'accepted' };
}

/** What has to be there before the event can be judged. */
function missingReferences(
  draft: DraftRoom,
  pdu: Pdu,
  { stateGiven, planning }: { stateGiven: StateRef | undefined; planning: Planning },
): Reception | undefined {
  if (pdu.prevEvents.length === 0 && stateGiven === undefined && !isCreate(draft, pdu)) {
    return { outcome: 'rejected', reason: 'The event names no event before it, and is not the first of the room.' };
  }
  const authEvents = pdu.authEvents.filter((eventId) => planning.known(eventId) === undefined);
  const prevEvents =
    stateGiven === undefined
      ? pdu.prevEvents.filter((eventId) => planning.known(eventId)?.stateBefore === undefined)
      : [];
  return authEvents.length + prevEvents.length === 0 ? undefined : { outcome: 'missing', authEvents, prevEvents };
}

/** The first event of the room, which is beside the graph where the room was entered later. */
function isCreate({ room }: DraftRoom, { eventId }: Pdu): boolean {
  return stateEvent(room.state, 'm.room.create', '')?.eventId === eventId;
}

/** The state after all of the `prev_events`, brought together. */
async function stateBeforeOf(draft: DraftRoom, pdu: Pdu, planning: Planning): Promise<StateRef> {
  const { extremities } = draft;
  const previous = new Set(pdu.prevEvents);
  if (previous.size === 0) return NO_STATE;
  if (previous.size === extremities.length && extremities.every((one) => previous.has(one.pdu.eventId))) {
    return draft.current;
  }
  const states: StateRef[] = [];
  for (const eventId of previous) {
    const event = planning.known(eventId);
    if (event === undefined) throw new Error(`The previous event ${eventId} was not loaded`);
    states.push(await planning.stateAfterNid(event.nid));
  }
  return planning.resolve(states);
}

/** Check 4. */
function checkByAuthEvents({ room }: DraftRoom, pdu: Pdu, planning: Planning): Verdict {
  const create = stateEvent(room.state, 'm.room.create', '');
  const { version } = room.record;
  return checkOwnAuthEvents(pdu, { version, create, find: (eventId) => planning.known(eventId) });
}

/** Check 5. */
async function checkByStateBefore(
  draft: DraftRoom,
  pdu: Pdu,
  stateBefore: StateRef,
  planning: Planning,
): Promise<Verdict> {
  const { version } = draft.room.record;
  const state = draft.isCurrent(stateBefore)
    ? await draft.authorizingNow(pdu)
    : await planning.authorizing(stateBefore, pdu);
  return authorizeEvent(pdu, state, version);
}

/**
 * Check 6. When an event comes from behind a gap, current state is that of before the gap: what the gap changed, the
 * joins of its senders above all, is known from the state that was given alone, so both are brought together.
 */
async function checkByCurrentState(
  draft: DraftRoom,
  received: ReceivedEvent,
  { stateBefore, isGiven, planning }: { stateBefore: StateRef; isGiven: boolean; planning: Planning },
): Promise<Verdict> {
  if (received.refusedBecause !== undefined) return refused(received.refusedBecause);
  if (draft.isCurrent(stateBefore)) return ALLOWED;
  const { pdu } = received;
  const state = isGiven
    ? await planning.authorizing(await planning.resolve([draft.current, stateBefore]), pdu)
    : await draft.authorizingNow(pdu);
  return authorizeEvent(pdu, state, draft.room.record.version);
}

function refusalIn(...verdicts: readonly Verdict[]): Refusal | undefined {
  return verdicts.find((verdict) => !verdict.allowed);
}

interface ToPlan {
  readonly draft: DraftRoom;
  readonly received: ReceivedEvent;
  readonly planning: Planning;
  readonly stateBefore: StateRef;
  readonly fate: ArrivalFate;
  readonly known: RoomEvent | undefined;
}

async function plan(toPlan: ToPlan): Promise<void> {
  const { draft, received, planning, fate, known } = toPlan;
  const { pdu } = received;
  const nid = known?.nid ?? planning.nextNid();
  const slot = await planning.slotOf(pdu);
  const snapshots: NewSnapshot[] = [];
  const before = await snapshot(draft, toPlan.stateBefore, { snapshots, planning });
  const after = stateAfter(before, slot, { nid, fate });
  const event = { nid, pdu };
  planning.remember(plannedAsEvent({ received, nid, fate, stateBefore: nidOf(before) }, draft.room), after);
  const end =
    fate === 'accepted' ? await newEnd({ draft, event, before, after }, { snapshots, planning }) : oldEnd(draft);
  const isQuiet = fate === 'accepted' && end.changes.length === 0;
  const isPast = isQuiet && isOlderThanUs(draft, pdu);
  const isHeld = isQuiet && !isPast && planning.isToBeHeld(received);
  draft.take({
    ...end,
    received,
    nid,
    isOutlier: known !== undefined,
    fate: isPast ? 'past' : isHeld ? 'held' : fate,
    snapshots,
    stateBefore: nidOf(before),
    slot,
    redacts: pdu.redacts === undefined ? undefined : planning.known(pdu.redacts),
    redactions: planning.redactionsOf(pdu.eventId),
    isToBeSent: planning.isToBeSent,
  });
}

/**
 * Whether the event is of the time before this server came into the room. Both have to say so: a branch that was cut
 * off stays behind in depth, and its events are news all the same.
 */
function isOlderThanUs({ room: { entered } }: DraftRoom, { depth, originServerTs }: Pdu): boolean {
  return entered !== undefined && depth < entered.depth && originServerTs < entered.originServerTs;
}

type End = Pick<PlannedArrival, 'extremities' | 'current' | 'changes' | 'roomStateBefore' | 'roomStateAfter'>;

/** The room goes on as if the event were not there. */
function oldEnd({ extremities, current }: DraftRoom): End {
  return { extremities, current, changes: [], roomStateBefore: undefined, roomStateAfter: undefined };
}

interface Accepted {
  readonly draft: DraftRoom;
  readonly event: ForwardExtremity;
  readonly before: StateRef;
  readonly after: StateRef;
}

async function newEnd({ draft, event, before, after }: Accepted, parts: SnapshotParts): Promise<End> {
  const { planning } = parts;
  const roomStateBefore = draft.isCurrent(before) ? undefined : nidOf(await snapshot(draft, draft.current, parts));
  const extremities = await extremitiesAfter(draft, event, planning);
  const next = await currentAfter(draft, { extremities, event, after }, planning);
  const changes = await slotChanges(draft, next, planning);
  const isOwnEnd = identityOf(next) === identityOf(after);
  const current = isOwnEnd ? next : await snapshot(draft, next, parts);
  return { extremities, current, changes, roomStateBefore, roomStateAfter: isOwnEnd ? undefined : nidOf(current) };
}

function stateAfter(before: StateRef, slot: Slot | undefined, event: { nid: number; fate: ArrivalFate }): StateRef {
  if (slot?.nid === undefined || event.fate === 'rejected') return before;
  return withSlots(before, [[slot.nid, event.nid]]);
}

interface NewEnd {
  readonly extremities: readonly ForwardExtremity[];
  readonly event: ForwardExtremity;
  readonly after: StateRef;
}

/** The current state once the graph ends so: the states after all its ends, brought together. */
async function currentAfter(draft: DraftRoom, end: NewEnd, planning: Planning): Promise<StateRef> {
  const { extremities, event, after } = end;
  if (extremities === draft.extremities) return draft.current;
  if (extremities.length === 1 && extremities[0]?.nid === event.nid) return after;
  const states: StateRef[] = [];
  for (const one of extremities) {
    states.push(one.nid === event.nid ? after : await planning.stateAfterNid(one.nid));
  }
  return planning.resolve(states);
}

type SnapshotParts = { readonly snapshots: NewSnapshot[]; readonly planning: Planning };

async function snapshot(draft: DraftRoom, state: StateRef, { snapshots, planning }: SnapshotParts): Promise<StateRef> {
  await loadSnapshotPieces(state, 1, planning.storage);
  return draft.snapshotOf(state, snapshots, planning.nextNid);
}

function nidOf({ path, beyond }: StateRef): number {
  const nid = path.at(-1)?.nid;
  if (nid === undefined || beyond.size > 0) throw new Error('This state has no snapshot of its own');
  return nid;
}
