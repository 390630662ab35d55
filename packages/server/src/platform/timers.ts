/** The only way to wait. A timer never fires early. */
export interface Timers {
  /** Calls `action` once after `delayMs` (0 or more, at most 2^31-1). A timer does not keep the process alive. */
  after(delayMs: number, action: () => void): Timer;
}

export interface Timer {
  /** After this the action will not be called. May be called again. */
  cancel(): void;
}
