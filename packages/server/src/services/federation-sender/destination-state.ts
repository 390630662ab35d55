import { heardFromRetryMs, retryAtMs } from './retry-time.ts';

/**
 * How we stand with another server (decision 12). Live: it has everything, or what it lacks waits in memory. Behind
 * (catching up, backing off): what it lacks is told from the tables, and a row says how far it has come.
 */
export type DestinationState =
  /** Live, with nothing to send. */
  | { readonly name: 'idle' }
  /** Live, with a transaction under way. `isOverflowed`: memory was full, so it is behind once that is answered. */
  | { readonly name: 'sending'; readonly isOverflowed: boolean }
  /**
   * A transaction from the tables is under way. Meanwhile memory takes what is new, and `isOverflowed` says that it was
   * too much. `failures`: how often the server failed to answer since it last did.
   */
  | { readonly name: 'catching-up'; readonly isOverflowed: boolean; readonly failures: number }
  /** It failed to answer `failures` times, the last time at `triedAtMs`; it is asked again at `retryAtMs`. */
  | {
      readonly name: 'backing-off';
      readonly failures: number;
      readonly triedAtMs: number;
      readonly retryAtMs: number;
    };

export type DestinationInput =
  /** Something new for it is in memory. */
  | { readonly kind: 'news' }
  /** Something new found no place in memory. */
  | { readonly kind: 'overflow' }
  /** The transaction under way was acknowledged. What else is there to send: in the tables, in memory. */
  | { readonly kind: 'acknowledged'; readonly isMoreInTables: boolean; readonly isMoreInMemory: boolean }
  /** It was not. `chance` is evenly spread over 0 to 1; `retryAfterMs` is what the server asked for. */
  | { readonly kind: 'failed'; readonly chance: number; readonly retryAfterMs: number | undefined }
  /** The time to try again has come. */
  | { readonly kind: 'due' }
  /** The server asked us something, so it is there. */
  | { readonly kind: 'heard-from' }
  /** The operator wants it now. */
  | { readonly kind: 'retry' };

export type DestinationEffect =
  /** Make up the next transaction from memory and send it. */
  | 'send'
  /** Make up the next transaction from the tables and send it; what waits in memory starts anew. */
  | 'catch-up'
  /** Forget what waits in memory: the tables have it. */
  | 'drop-memory'
  /** Write down how far it has come, and when it is asked again. */
  | 'save-behind'
  /** Write down that it has everything that the tables have. */
  | 'save-live'
  /** Nothing is under way any more. */
  | 'release';

export interface DestinationStep {
  readonly state: DestinationState;
  readonly effects: readonly DestinationEffect[];
}

export const IDLE: DestinationState = { name: 'idle' };

/** What comes of an input at this instant of the wall clock. Total: an input that means nothing changes nothing. */
export function stepDestination(state: DestinationState, input: DestinationInput, nowMs: number): DestinationStep {
  switch (state.name) {
    case 'idle':
      return stepIdle(state, input);
    case 'sending':
      return stepSending(state, input, nowMs);
    case 'catching-up':
      return stepCatchingUp(state, input, nowMs);
    case 'backing-off':
      return stepBackingOff(state, input, nowMs);
  }
}

type StateOf<Name extends DestinationState['name']> = Extract<DestinationState, { name: Name }>;

function stepIdle(state: StateOf<'idle'>, input: DestinationInput): DestinationStep {
  if (input.kind === 'news') return { state: { name: 'sending', isOverflowed: false }, effects: ['send'] };
  if (input.kind === 'overflow') return catchUp(0, ['save-behind', 'drop-memory']);
  return { state, effects: [] };
}

function stepSending(state: StateOf<'sending'>, input: DestinationInput, nowMs: number): DestinationStep {
  switch (input.kind) {
    case 'overflow':
      return { state: { ...state, isOverflowed: true }, effects: ['drop-memory'] };
    case 'acknowledged':
      if (state.isOverflowed) return catchUp(0, ['save-behind', 'drop-memory']);
      return input.isMoreInMemory ? { state, effects: ['send'] } : { state: IDLE, effects: ['release'] };
    case 'failed':
      return backOff(0, input, nowMs);
    default:
      return { state, effects: [] };
  }
}

function stepCatchingUp(state: StateOf<'catching-up'>, input: DestinationInput, nowMs: number): DestinationStep {
  switch (input.kind) {
    case 'overflow':
      return { state: { ...state, isOverflowed: true }, effects: ['drop-memory'] };
    case 'acknowledged':
      if (state.isOverflowed || input.isMoreInTables) return catchUp(0, []);
      if (!input.isMoreInMemory) return { state: IDLE, effects: ['save-live', 'release'] };
      return { state: { name: 'sending', isOverflowed: false }, effects: ['save-live', 'send'] };
    case 'failed':
      return backOff(state.failures, input, nowMs);
    default:
      return { state, effects: [] };
  }
}

function stepBackingOff(state: StateOf<'backing-off'>, input: DestinationInput, nowMs: number): DestinationStep {
  switch (input.kind) {
    case 'due':
    case 'retry':
      return catchUp(state.failures, []);
    case 'heard-from': {
      const atMs = heardFromRetryMs(state, nowMs);
      if (atMs <= nowMs) return catchUp(state.failures, []);
      if (atMs >= state.retryAtMs) return { state, effects: [] };
      return { state: { ...state, retryAtMs: atMs }, effects: ['save-behind'] };
    }
    default:
      return { state, effects: [] };
  }
}

function catchUp(failures: number, before: readonly DestinationEffect[]): DestinationStep {
  return { state: { name: 'catching-up', isOverflowed: false, failures }, effects: [...before, 'catch-up'] };
}

function backOff(
  failuresBefore: number,
  { chance, retryAfterMs }: { chance: number; retryAfterMs: number | undefined },
  nowMs: number,
): DestinationStep {
  const failures = failuresBefore + 1;
  return {
    state: {
      name: 'backing-off',
      failures,
      triedAtMs: nowMs,
      retryAtMs: retryAtMs({ failures, chance, retryAfterMs }, nowMs),
    },
    effects: ['save-behind', 'drop-memory', 'release'],
  };
}
