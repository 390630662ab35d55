import type { ScenarioName } from './scenarios/scenario-name.ts';

/** What the command line asks for. Counts are positive integers. */
export interface Options {
  readonly targets: readonly NamedTarget[];
  /** Whether to start this repository's own server. */
  readonly start: boolean;
  readonly floor: boolean;
  readonly scenarios: readonly ScenarioName[];
  readonly jsonPath: string | undefined;
  readonly durationMs: number;
  readonly warmUpMs: number;
  readonly rooms: number;
  readonly clients: number;
  readonly rounds: number;
  readonly stickyEvents: number;
  readonly requests: number;
  readonly userRooms: number;
  readonly participants: number;
  readonly delayedSeconds: number;
  readonly servers: number;
  readonly rate: number;
  readonly missedEvents: number;
  readonly members: number;
  readonly roomEvents: number;
  readonly registrationToken: string | undefined;
  /** Of the one target. */
  readonly processId: number | undefined;
  /** Where databases of what is started go. */
  readonly dataDirectory: string;
  readonly profileDirectory: string | undefined;
}

export interface NamedTarget {
  readonly name: string;
  readonly url: URL;
}
