import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import type { AccountDataReader } from '../accounts/account-data-reader.ts';
import type { EncryptionReader } from '../encryption/encryption-reader.ts';
import type { EphemeralReader } from '../ephemeral/ephemeral-reader.ts';
import type { PresenceReader } from '../presence/presence-reader.ts';
import type { UnreadReader } from '../push/unread-reader.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import type { PartingEvents } from '../rooms/parting-events.ts';
import type { RoomReader } from '../rooms/room-reader.ts';
import type { RoomStateReader } from '../rooms/room-state.ts';
import type { TimelineReader } from '../rooms/timeline.ts';
import type { DueStickyEvents } from '../sticky-events/due-sticky-events.ts';
import type { ThreadSubscriptions } from '../thread-subscriptions/thread-subscriptions.ts';

/** Everything that sync reads. It writes nothing but acknowledgements of to-device messages. */
export interface SyncSources {
  readonly platform: Platform;
  readonly storage: Storage;
  readonly events: EventStore;
  readonly timeline: TimelineReader;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
  readonly partings: PartingEvents;
  readonly rooms: RoomReader;
  readonly accountData: AccountDataReader;
  readonly ephemeral: EphemeralReader;
  readonly encryption: EncryptionReader;
  /** None where presence is switched off. */
  readonly presence: PresenceReader | undefined;
  readonly unread: UnreadReader;
  readonly sticky: DueStickyEvents;
  readonly threadSubscriptions: ThreadSubscriptions;
  readonly settings: SyncSettings;
}

export interface SyncSettings {
  /** A6: with the feature off there is no sticky section. */
  readonly stickyEnabled: boolean;
  /** C5: most sticky events in one answer. */
  readonly stickyEventsPerSync: number;
  /** The name of the sticky section. */
  readonly stickySectionName: string;
}
