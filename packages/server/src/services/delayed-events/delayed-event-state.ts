import { retryDelayMs } from './retry-delay.ts';

/**
 * Where a delayed event stands (MSC4140). Times are those of the monotonic clock: a wall clock that steps makes nothing
 * early or late.
 */
export type DelayedEventState =
  /** It is to be sent at `dueMs`. */
  | { readonly name: 'scheduled'; readonly dueMs: number }
  /**
   * It is on its way into the room, because its time has come or because somebody asked for it. `dueMs` is when it was,
   * or is, due; `failures` how often it could not be sent since then.
   */
  | { readonly name: 'sending'; readonly reason: SendReason; readonly dueMs: number; readonly failures: number }
  /** Its time has come and it could not be sent, for a reason that passes; it is tried again at `retryMs`. */
  | { readonly name: 'backing-off'; readonly failures: number; readonly retryMs: number }
  /** It will not be sent, and that is being written down. */
  | {
      readonly name: 'closing';
      readonly outcome: 'cancelled' | 'failed';
      readonly dueMs: number;
      readonly failures: number;
    }
  /** Nothing happens to it any more. */
  | { readonly name: 'finalised'; readonly outcome: Outcome };

/** Its time has come, or somebody asked for it to be sent now. */
export type SendReason = 'delay' | 'action';

export type Outcome = 'sent' | 'cancelled' | 'failed';

export type DelayedEventAction = 'restart' | 'send' | 'cancel';

export type DelayedEventInput =
  /** The time that it waits for may have come. */
  | { readonly kind: 'due' }
  /** It has come, and its user's events are to go out more slowly. */
  | { readonly kind: 'hold'; readonly untilMs: number }
  /** What its owner wants of it; `delayMs` is its whole delay. */
  | { readonly kind: 'restart'; readonly delayMs: number }
  | { readonly kind: 'send' }
  | { readonly kind: 'cancel' }
  /** What came of sending: the event is in the room, and that it was sent is on disk with it. */
  | { readonly kind: 'sent' }
  /** The room does not take it. */
  | { readonly kind: 'refused' }
  /** It could not be done now. `chance` is evenly spread over 0 to 1; `retryAfterMs` is what was asked for. */
  | { readonly kind: 'failed'; readonly chance: number; readonly retryAfterMs: number | undefined }
  /** That it is not sent is on disk. */
  | { readonly kind: 'closed' };

/** What is to be done. */
export type DelayedEventEffect =
  /** Send it. */
  | 'send'
  /** Write down that its time begins anew. */
  | 'save-restart'
  /** Write down that it will not be sent. */
  | 'save-outcome'
  /** Ask again when what is under way has ended. */
  | 'wait'
  /** It is so already. */
  | 'done'
  /** It was finalised another way. */
  | 'conflict'
  /** Tell who asked why it failed. */
  | 'report';

export interface DelayedEventStep {
  readonly state: DelayedEventState;
  /** One at most. */
  readonly effect: DelayedEventEffect | undefined;
}

/** What comes of an input at this instant. Total: an input that means nothing changes nothing. */
export function stepDelayedEvent(state: DelayedEventState, input: DelayedEventInput, nowMs: number): DelayedEventStep {
  switch (state.name) {
    case 'scheduled':
      return stepWaiting({ dueMs: state.dueMs, failures: 0, state }, input, nowMs);
    case 'backing-off':
      return stepWaiting({ dueMs: state.retryMs, failures: state.failures, state }, input, nowMs);
    case 'sending':
      return stepSending(state, input, nowMs);
    case 'closing':
      return stepClosing(state, input, nowMs);
    case 'finalised':
      return stepFinalised(state, input);
  }
}

/** When the state has to be looked at again, if time alone moves it. */
export function wakeMsOf(state: DelayedEventState): number | undefined {
  if (state.name === 'scheduled') return state.dueMs;
  return state.name === 'backing-off' ? state.retryMs : undefined;
}

type StateOf<Name extends DelayedEventState['name']> = Extract<DelayedEventState, { name: Name }>;

interface Waiting {
  readonly dueMs: number;
  readonly failures: number;
  readonly state: DelayedEventState;
}

function stepWaiting({ dueMs, failures, state }: Waiting, input: DelayedEventInput, nowMs: number): DelayedEventStep {
  switch (input.kind) {
    case 'due':
      if (nowMs < dueMs) return { state, effect: undefined };
      return { state: { name: 'sending', reason: 'delay', dueMs, failures }, effect: 'send' };
    case 'hold':
      return { state: waitUntil(input.untilMs, failures), effect: undefined };
    case 'restart':
      return { state: { name: 'scheduled', dueMs: nowMs + input.delayMs }, effect: 'save-restart' };
    case 'send':
      return { state: { name: 'sending', reason: 'action', dueMs, failures }, effect: 'send' };
    case 'cancel':
      return { state: { name: 'closing', outcome: 'cancelled', dueMs, failures }, effect: 'save-outcome' };
    default:
      return { state, effect: undefined };
  }
}

function stepSending(state: StateOf<'sending'>, input: DelayedEventInput, nowMs: number): DelayedEventStep {
  const { reason, dueMs, failures } = state;
  switch (input.kind) {
    case 'restart':
    case 'send':
    case 'cancel':
      return { state, effect: 'wait' };
    case 'sent':
      return { state: { name: 'finalised', outcome: 'sent' }, effect: undefined };
    case 'refused':
      // What was asked for too early may be allowed when its time comes.
      if (reason === 'action') return { state: waitUntil(dueMs, failures), effect: 'report' };
      return { state: { name: 'closing', outcome: 'failed', dueMs, failures }, effect: 'save-outcome' };
    case 'failed':
      if (reason === 'action') return { state: waitUntil(dueMs, failures), effect: 'report' };
      return { state: backOff(failures, input, nowMs), effect: undefined };
    default:
      return { state, effect: undefined };
  }
}

function stepClosing(state: StateOf<'closing'>, input: DelayedEventInput, nowMs: number): DelayedEventStep {
  const { outcome, dueMs, failures } = state;
  switch (input.kind) {
    case 'restart':
    case 'send':
    case 'cancel':
      return { state, effect: 'wait' };
    case 'closed':
      return { state: { name: 'finalised', outcome }, effect: undefined };
    case 'failed':
      if (outcome === 'cancelled') return { state: waitUntil(dueMs, failures), effect: 'report' };
      return { state: backOff(failures, input, nowMs), effect: undefined };
    default:
      return { state, effect: undefined };
  }
}

/** A repeated action whose outcome is so already succeeds; to cancel what failed is to have it so (MSC4140). */
function stepFinalised(state: StateOf<'finalised'>, { kind }: DelayedEventInput): DelayedEventStep {
  switch (kind) {
    case 'restart':
      return { state, effect: 'conflict' };
    case 'send':
      return { state, effect: state.outcome === 'sent' ? 'done' : 'conflict' };
    case 'cancel':
      return { state, effect: state.outcome === 'sent' ? 'conflict' : 'done' };
    default:
      return { state, effect: undefined };
  }
}

function waitUntil(dueMs: number, failures: number): DelayedEventState {
  return failures === 0 ? { name: 'scheduled', dueMs } : { name: 'backing-off', failures, retryMs: dueMs };
}

function backOff(
  failuresBefore: number,
  { chance, retryAfterMs }: { chance: number; retryAfterMs: number | undefined },
  nowMs: number,
): DelayedEventState {
  const failures = failuresBefore + 1;
  return { name: 'backing-off', failures, retryMs: nowMs + retryDelayMs({ failures, chance, retryAfterMs }) };
}
