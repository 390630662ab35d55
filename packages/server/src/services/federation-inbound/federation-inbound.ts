import type { EduHandlers } from '../remote-servers/edu-handler.ts';
import { LocalMembers } from '../rooms/local-members.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import { EduDispatcher } from './edu-dispatcher.ts';
import type { InboundParts, Refused } from './inbound-parts.ts';
import { IncomingTransactions } from './incoming-transactions.ts';
import { LaneRunner } from './lane-runner.ts';
import { LaneScheduler } from './lane-scheduler.ts';
import { RoomIntake } from './room-intake.ts';
import { StagedEvents } from './staged-events.ts';
import { TakenBackMemberships } from './taken-back-memberships.ts';

/** Refused events that one line of the log names. */
const MAX_LOGGED = 50;

export interface FederationInboundParts extends Omit<InboundParts, OwnParts> {
  readonly serverName: string;
  readonly memberships: MembershipReader;
  readonly eduHandlers: EduHandlers;
}

type OwnParts = 'staged' | 'localMembers' | 'noteArrivals' | 'noteRefusals' | 'keys';

/** What other servers push, put together. */
export interface FederationInbound {
  readonly transactions: IncomingTransactions;
  /** Goes on with what waits from before. */
  start(): Promise<void>;
  /** Kept when nothing is under way any more; what waits stays in the database. */
  stop(): Promise<void>;
}

export function createFederationInbound(parts: FederationInboundParts): FederationInbound {
  const { storage, platform, joining, serverName, eduHandlers, remoteServers, memberships } = parts;
  const staged = new StagedEvents(storage);
  const inbound: InboundParts = {
    ...parts,
    keys: remoteServers.keys,
    staged,
    localMembers: new LocalMembers(storage, serverName),
    noteArrivals(eventIds) {
      for (const lane of runner.arrived(eventIds)) scheduler.wake(lane);
    },
    noteRefusals,
  };
  const runner: LaneRunner = new LaneRunner(inbound);
  const scheduler: LaneScheduler = new LaneScheduler({ platform, run: (lane) => runner.run(lane) });
  const intake = new RoomIntake({
    ...inbound,
    takenBack: new TakenBackMemberships({ ...inbound, memberships, serverName }),
    wake: (lane) => scheduler.wake(lane),
    isStuck: (lane) => runner.countStuck(lane) * 2 >= staged.count(lane),
  });
  const transactions = new IncomingTransactions({
    clock: platform.clock,
    edus: new EduDispatcher(eduHandlers, platform),
    takeRoom: (lane, objects, receivedTs) => intake.take(lane, objects, receivedTs),
    isFull: (origin, roomIds) => staged.isFull(origin) || [...roomIds].some((roomId) => isBusy({ roomId, origin })),
    noteRefusals,
  });

  /** A lane that is full and gets on will have room soon. */
  function isBusy(lane: { roomId: string; origin: string }): boolean {
    return staged.isLaneFull(lane) && runner.countStuck(lane) * 2 < staged.count(lane);
  }

  function noteRefusals(where: { origin: string }, refusals: readonly Refused[], nameless = 0): void {
    if (refusals.length + nameless === 0) return;
    platform.log.info('Events of another server were refused', {
      ...where,
      refusals: refusals.slice(0, MAX_LOGGED),
      ...(nameless === 0 ? {} : { nameless }),
    });
  }

  let stopListening: (() => void) | undefined;
  return {
    transactions,
    async start() {
      await staged.load();
      stopListening = joining.onEnd((roomId) => {
        for (const lane of staged.lanes()) if (lane.roomId === roomId) scheduler.wake(lane);
      });
      for (const lane of staged.lanes()) scheduler.wake(lane);
    },
    async stop() {
      stopListening?.();
      await transactions.settled();
      await scheduler.stop();
    },
  };
}
