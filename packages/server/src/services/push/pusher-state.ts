/** From the first failure to the next try; doubled with each further one, and cut by up to a half by chance. */
const FIRST_RETRY_MS = 2_000;
/** No longer than this from one try to the next. */
const MAX_RETRY_MS = 3_600_000;
/** The least that a gateway may ask for with `Retry-After`. */
const MIN_RETRY_AFTER_MS = 1_000;

/**
 * How we stand with the gateway of a pusher (decision 12). What it has to be told stands in the tables; there is a
 * state only as long as there is something to do.
 */
export type PusherState =
  /** Everything was told. */
  | { readonly name: 'idle' }
  /** Something is being looked for, or sent. `isNews`: meanwhile more came; `isSetAnew`: the pusher was set. */
  | { readonly name: 'working'; readonly failures: number; readonly isNews: boolean; readonly isSetAnew: boolean }
  /** The gateway failed so often in a row, and is tried again at `retryAtMs` by the wall clock. */
  | { readonly name: 'backing-off'; readonly failures: number; readonly retryAtMs: number }
  /** There is no such pusher any more. */
  | { readonly name: 'gone' };

export type PusherInput =
  /** There may be something to tell. */
  | { readonly kind: 'news' }
  /** The pusher was set anew: what its gateway did before says nothing any more. */
  | { readonly kind: 'set' }
  /** One thing was told, and there may be more. */
  | { readonly kind: 'told' }
  /** There was nothing to tell. */
  | { readonly kind: 'nothing' }
  /** It could not be told. `chance` is evenly spread over 0 to 1; `retryAfterMs` is what the gateway asked for. */
  | { readonly kind: 'failed'; readonly chance: number; readonly retryAfterMs: number | undefined }
  /** The time to try again has come. */
  | { readonly kind: 'due' }
  /** The pusher was removed. */
  | { readonly kind: 'removed' };

export type PusherEffect =
  /** Look for the next thing to tell, and tell it. */
  | 'work'
  /** Write down the failure, and wake up when the state says so. */
  | 'wait'
  /** Wait no more. */
  | 'cancel'
  /** Nothing is left to do. */
  | 'release';

export interface PusherStep {
  readonly state: PusherState;
  readonly effects: readonly PusherEffect[];
}

/** What comes of an input at this instant of the wall clock. Total: an input that means nothing changes nothing. */
export function stepPusher(state: PusherState, input: PusherInput, nowMs: number): PusherStep {
  if (state.name === 'gone') return { state, effects: [] };
  if (input.kind === 'removed') return { state: { name: 'gone' }, effects: ['cancel', 'release'] };
  switch (state.name) {
    case 'idle':
      return input.kind === 'news' || input.kind === 'set' ? work(0) : { state, effects: [] };
    case 'working':
      return stepWorking(state, input, nowMs);
    case 'backing-off':
      if (input.kind === 'due') return work(state.failures);
      if (input.kind === 'set') return work(0, ['cancel']);
      return { state, effects: [] };
  }
}

type Working = Extract<PusherState, { name: 'working' }>;

function stepWorking(state: Working, input: PusherInput, nowMs: number): PusherStep {
  switch (input.kind) {
    case 'news':
      return { state: { ...state, isNews: true }, effects: [] };
    case 'set':
      return { state: { ...state, failures: 0, isNews: true, isSetAnew: true }, effects: [] };
    case 'told':
      return work(0);
    case 'nothing':
      return state.isNews ? work(state.failures) : { state: { name: 'idle' }, effects: ['release'] };
    case 'failed': {
      // What failed may be the gateway that it had before.
      if (state.isSetAnew) return work(0);
      const failures = state.failures + 1;
      const retryAtMs = retryAt({ ...input, failures }, nowMs);
      return { state: { name: 'backing-off', failures, retryAtMs }, effects: ['wait'] };
    }
    default:
      return { state, effects: [] };
  }
}

function work(failures: number, before: readonly PusherEffect[] = []): PusherStep {
  return { state: { name: 'working', failures, isNews: false, isSetAnew: false }, effects: [...before, 'work'] };
}

interface Failure {
  readonly failures: number;
  readonly chance: number;
  readonly retryAfterMs: number | undefined;
}

function retryAt({ failures, chance, retryAfterMs }: Failure, nowMs: number): number {
  if (retryAfterMs !== undefined) {
    return nowMs + Math.min(Math.max(retryAfterMs, MIN_RETRY_AFTER_MS), MAX_RETRY_MS);
  }
  const wholeMs = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS);
  return Math.round(nowMs + wholeMs * (1 - chance / 2));
}
