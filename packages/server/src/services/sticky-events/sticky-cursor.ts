/**
 * How far a chain of sync tokens has come with sticky events, where it could not take all that was due at once (C5).
 *
 * To one user each sticky event of a room he is joined to has a rank: (effective, due). `due` is the position where the
 * event became due; `effective` is the later of that and the position where the user's present join began, so that a
 * join brings all of the room's events again, whatever the token had passed (C6). Ranks are totally ordered, an event's
 * rank does not move while the user stays joined, and what becomes due later ranks above everything that was due
 * before: so one rank says exactly what was delivered.
 *
 * The exception are events that went out with a timeline before their turn in the section came; they are listed by
 * `due` until the cursor has passed them (C3).
 */
export interface StickyCursor {
  readonly passed: StickyRank;
  /** Positions, ascending, of events above `passed` that were delivered already. */
  readonly delivered: readonly number[];
}

export interface StickyRank {
  readonly effective: number;
  readonly due: number;
}

/** Nothing was delivered yet. */
export const STICKY_START: StickyCursor = { passed: { effective: 0, due: 0 }, delivered: [] };

/** Everything that was due at this position was delivered: what a token says that carries no cursor. */
export function stickyCursorAt(position: number): StickyCursor {
  return { passed: { effective: position, due: position }, delivered: [] };
}

export function rankFor(due: number, joinedPosition: number): StickyRank {
  return { effective: Math.max(due, joinedPosition), due };
}

export function compareRanks(left: StickyRank, right: StickyRank): number {
  return left.effective - right.effective || left.due - right.due;
}

/** In a room joined at this position, the events above the cursor are those that became due after the result. */
export function dueAfter(passed: StickyRank, joinedPosition: number): number {
  if (joinedPosition > passed.effective) return 0;
  return joinedPosition === passed.effective ? passed.due : passed.effective;
}
