import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import type { RoomReader } from '../rooms/room-reader.ts';
import type { RoomStateReader } from '../rooms/room-state.ts';
import { Badges } from './badges.ts';
import { NotificationBody } from './notification-body.ts';
import { Notifications } from './notifications.ts';
import type { Push } from './push.ts';
import { PushGateway } from './push-gateway.ts';
import { PushJudge } from './push-judge.ts';
import { PushSender } from './push-sender.ts';
import { PushTasks } from './push-tasks.ts';
import { Pushers } from './pushers.ts';

export interface PushDeliveryParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly push: Push;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
  readonly rooms: RoomReader;
  /** Whether push gateways may be at private addresses, and speak plain HTTP. */
  readonly allowsPrivateAddresses: boolean;
}

/** What tells users outside of `/sync` that something notifies them. */
export interface PushDelivery {
  readonly pushers: Pushers;
  readonly notifications: Notifications;
  readonly sender: PushSender;
}

export function createPushDelivery(parts: PushDeliveryParts): PushDelivery {
  const { storage, platform, events, state, memberships, rooms, allowsPrivateAddresses } = parts;
  const { rules, unread, users, queue } = parts.push;
  const { clock } = platform;
  const judge = new PushJudge({ storage, rules, state, memberships });
  const badges = new Badges({ storage, events, memberships, unread });
  const body = new NotificationBody({ state, rooms });
  const tasks = new PushTasks({ storage, clock, events, unread, judge, badges, body });
  const gateway = new PushGateway(platform.outboundHttp, { allowsPrivate: allowsPrivateAddresses });
  const sender = new PushSender({ storage, platform, users, queue, tasks, badges, gateway });
  const onSet = (userId: string) => sender.noteSet(userId);
  return {
    pushers: new Pushers({ storage, clock, users, allowsPlainHttp: allowsPrivateAddresses, onSet }),
    notifications: new Notifications({ storage, events, rooms, unread, judge }),
    sender,
  };
}
