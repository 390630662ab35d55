/** The two clocks. Wall time may step; monotonic time never goes back and means nothing outside this process. */
export interface Clock {
  /** Milliseconds since the Unix epoch, an integer. */
  nowMs(): number;
  /** Milliseconds since some fixed instant of this process. */
  monotonicMs(): number;
}
