/**
 * The part of a filter that decides on single events, already parsed and checked.
 * Specification: client-server API, "Filtering", `RoomEventFilter`. `rooms`/`not_rooms` are decided elsewhere.
 */
export interface EventFilter {
  /** Patterns where `*` stands for any characters; `undefined` means any type. */
  readonly types: readonly string[] | undefined;
  readonly notTypes: readonly string[];
  readonly senders: readonly string[] | undefined;
  readonly notSenders: readonly string[];
  readonly containsUrl: boolean | undefined;
  /**
   * Only events to which another one relates, by one of these senders, with one of these `rel_type`s. The database
   * alone knows: only what reads timelines looks at these.
   */
  readonly relatedBySenders?: readonly string[] | undefined;
  readonly relatedByRelTypes?: readonly string[] | undefined;
}
