import type { EventStore } from './event-store.ts';
import type { PolicyServers } from './policy-server.ts';
import type { RoomReceiver } from './room-receiver.ts';

/** A receiver that asks the room's policy server first, for who brings single events and can wait for it (H1). */
export function withPolicy(
  receiver: RoomReceiver,
  { policy, events }: { readonly policy: PolicyServers; readonly events: EventStore },
): RoomReceiver {
  return {
    async receive(roomId, received, options) {
      const room = await events.room(roomId);
      const judged = room === undefined ? received : await policy.apply(room, received);
      return receiver.receive(roomId, judged, options);
    },
    keepOutliers: (room, outliers) => receiver.keepOutliers(room, outliers),
    enter: (entry) => receiver.enter(entry),
    keepHistory: (roomId, history, options) => receiver.keepHistory(roomId, history, options),
    noteRemoteMembership: (membership) => receiver.noteRemoteMembership(membership),
  };
}
