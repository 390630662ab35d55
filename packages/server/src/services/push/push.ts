import type { ServerName } from '@limpet/protocol/identifiers';
import type { Clock } from '../../platform/clock.ts';
import type { Storage } from '../../storage/storage.ts';
import type { AccountDataReader } from '../accounts/account-data-reader.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import type { Projection } from '../rooms/projection.ts';
import { createDefaultPushRules, type DefaultPushRulesOptions } from './default-push-rules.ts';
import { PushQueue } from './push-queue.ts';
import { PushRules } from './push-rules.ts';
import { PushRulesAccountData } from './push-rules-account-data.ts';
import { PushingUsers } from './pushing-users.ts';
import { RoomAudiences } from './room-audiences.ts';
import { UnreadCounter } from './unread-counter.ts';
import { UnreadNews } from './unread-news.ts';
import { UnreadProjection } from './unread-projection.ts';
import type { UnreadReader } from './unread-reader.ts';

export interface PushParts extends DefaultPushRulesOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly serverName: ServerName;
  readonly accountData: AccountDataReader;
  readonly events: EventStore;
  /** Has to follow the stream already. */
  readonly memberships: MembershipReader;
}

/** What notifies whom. */
export interface Push {
  readonly rules: PushRules;
  readonly projection: Projection;
  readonly unread: UnreadReader;
  /** Account data with the push rules among them: what sync reads. */
  readonly accountData: AccountDataReader;
  /** To be loaded before events are written. */
  readonly users: PushingUsers;
  readonly queue: PushQueue;
}

/** Makes them in the order in which they have to follow the stream. */
export function createPush(parts: PushParts): Push {
  const { storage, clock, accountData, events, memberships } = parts;
  const rules = new PushRules(storage, createDefaultPushRules(parts));
  const audiences = new RoomAudiences({ ...parts, pushRules: rules });
  const news = new UnreadNews();
  const users = new PushingUsers(storage);
  const queue = new PushQueue(users, clock);
  return {
    rules,
    projection: new UnreadProjection({ defaults: rules.defaults, audiences, news, pushQueue: queue }),
    unread: new UnreadCounter({ storage, memberships, events, news }),
    accountData: new PushRulesAccountData(accountData, rules),
    users,
    queue,
  };
}
