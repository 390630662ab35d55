import type { JsonObject } from '@limpet/protocol/json';
import type { ThreadSubscriptionChangeRow } from '../../storage/queries/thread-subscriptions.ts';

/**
 * `subscribed` and `unsubscribed`, by room and by thread, each only where there is any. A `bump_stamp` is the position
 * of the change. Specification: MSC4308.
 */
export function subscriptionMaps(changes: readonly ThreadSubscriptionChangeRow[]): JsonObject {
  const maps: Record<string, Record<string, Record<string, JsonObject>>> = {};
  for (const { room_id: roomId, root_id: rootId, ...change } of changes) {
    const rooms = openIn(maps, change.is_subscribed === 1 ? 'subscribed' : 'unsubscribed');
    openIn(rooms, roomId)[rootId] = {
      ...(change.is_subscribed === 1 ? { automatic: change.is_automatic === 1 } : {}),
      bump_stamp: change.position,
    };
  }
  return maps;
}

function openIn<Value>(object: Record<string, Record<string, Value>>, key: string): Record<string, Value> {
  object[key] ??= {};
  return object[key];
}
