import { type Lane, laneKey } from './lane.ts';

/** Pauses between the tries to place one event, in seconds; after the last one it is given up. */
const PAUSES_S = [5, 10, 20, 40, 80, 160, 320, 640, 1_200, 1_800, 1_800] as const;
/** Of the events that one waits for, those whose arrival is noticed. */
const MAX_AWAITED = 5;

interface StuckEvent {
  readonly lane: Lane;
  readonly tries: number;
  readonly awaited: readonly string[];
  dueMs: number;
}

/**
 * The staged events that were tried in vain: how often, when each is due again, and what it waits for. Kept in memory
 * alone, for as many as are staged: after a restart all of them are tried from the beginning.
 */
export class StuckEvents {
  /** By lane, by staged nid. */
  readonly #lanes = new Map<string, Map<number, StuckEvent>>();
  /** By the ID of an awaited event. */
  readonly #awaiting = new Map<string, Set<StuckEvent>>();

  /** Notes one more try in vain; whether it was the last one. */
  fail(lane: Lane, stagedNid: number, { missing, nowMs }: { missing: readonly string[]; nowMs: number }): boolean {
    const tries = (this.#lanes.get(laneKey(lane))?.get(stagedNid)?.tries ?? 0) + 1;
    this.forget(lane, stagedNid);
    const pauseS = PAUSES_S[tries - 1];
    if (pauseS === undefined) return true;
    const stuck = { lane, tries, awaited: missing.slice(0, MAX_AWAITED), dueMs: nowMs + pauseS * 1_000 };
    openIn(this.#lanes, laneKey(lane), () => new Map()).set(stagedNid, stuck);
    for (const eventId of stuck.awaited) openIn(this.#awaiting, eventId, () => new Set()).add(stuck);
    return false;
  }

  forget(lane: Lane, stagedNid: number): void {
    const ofLane = this.#lanes.get(laneKey(lane));
    const stuck = ofLane?.get(stagedNid);
    if (ofLane === undefined || stuck === undefined) return;
    ofLane.delete(stagedNid);
    if (ofLane.size === 0) this.#lanes.delete(laneKey(lane));
    for (const eventId of stuck.awaited) {
      const awaiting = this.#awaiting.get(eventId);
      awaiting?.delete(stuck);
      if (awaiting?.size === 0) this.#awaiting.delete(eventId);
    }
  }

  forgetLane(lane: Lane): void {
    for (const stagedNid of [...(this.#lanes.get(laneKey(lane))?.keys() ?? [])]) this.forget(lane, stagedNid);
  }

  /** These events are in their room now: what waits for one of them is due. Gives the lanes that it is in. */
  arrived(eventIds: readonly string[]): Lane[] {
    const lanes = new Map<string, Lane>();
    for (const eventId of eventIds) {
      for (const stuck of this.#awaiting.get(eventId) ?? []) {
        stuck.dueMs = 0;
        lanes.set(laneKey(stuck.lane), stuck.lane);
      }
    }
    return [...lanes.values()];
  }

  /** Those of a lane whose pause is not over. */
  resting(lane: Lane, nowMs: number): number[] {
    const ofLane = this.#lanes.get(laneKey(lane)) ?? [];
    return [...ofLane].filter(([, { dueMs }]) => dueMs > nowMs).map(([stagedNid]) => stagedNid);
  }

  /** Until the next one of the lane is due; `undefined` where none is to be tried again. */
  untilNextMs(lane: Lane, nowMs: number): number | undefined {
    let earliestMs: number | undefined;
    for (const { dueMs } of this.#lanes.get(laneKey(lane))?.values() ?? []) {
      earliestMs = Math.min(earliestMs ?? dueMs, dueMs);
    }
    return earliestMs === undefined ? undefined : Math.max(0, earliestMs - nowMs);
  }
}

function openIn<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
