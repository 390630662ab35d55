/**
 * Everything that a client can see change, as it goes down the ordered stream. A change says what happened and to whom;
 * the data stand in the tables, under the same position. Nids are the interned numbers of the tables.
 */
export type Change =
  | EventChange
  | StickyDueChange
  | MembershipChange
  | RoomServerChange
  | StateResolvedChange
  | ReceiptChange
  | TypingChange
  | PresenceChange
  | AccountDataChange
  | ToDeviceChange
  | DeviceListChange
  | UserSignatureChange
  | OneTimeKeysChange
  | ThreadSubscriptionChange
  | OutgoingEduChange;

/**
 * A change with the place it got. Positions of one writer are strictly increasing and published without gaps in
 * order.
 */
export type PublishedChange = Change & { readonly writer: number; readonly position: number };

/** An event entered a room's timeline; its row in `events` has this position. */
export interface EventChange {
  readonly kind: 'event';
  readonly roomId: string;
  readonly eventNid: number;
  readonly sender: string;
  readonly type: string;
  readonly stateKey: string | undefined;
  /**
   * This server tells the others in the room: events of its own users, and those that were handed to it alone
   * (`send_join` and its like).
   */
  readonly isToBeSent: boolean;
}

/** A sticky event became due at a position other than its event's (released by a limit or a re-check). */
export interface StickyDueChange {
  readonly kind: 'sticky-due';
  readonly roomId: string;
  readonly eventNid: number;
}

/** A user's membership of a room changed; comes right after its event's change. `forget` counts as one. */
export interface MembershipChange {
  readonly kind: 'membership';
  readonly roomId: string;
  readonly userId: string;
  readonly membership: string;
  readonly previous: string | undefined;
}

/**
 * The first user of a server joined a room, or its last one left it: the server is in the room, or no longer. Comes
 * right after the change of membership.
 */
export interface RoomServerChange {
  readonly kind: 'room-server';
  readonly roomId: string;
  readonly serverName: string;
  readonly isIn: boolean;
}

/**
 * State resolution changed the current state of a room beyond what the event itself says: an event that clients saw may
 * hold no longer, or one that they did not see anew may hold again. Comes after the change of the event.
 */
export interface StateResolvedChange {
  readonly kind: 'state-resolved';
  readonly roomId: string;
}

export interface ReceiptChange {
  readonly kind: 'receipt';
  readonly roomId: string;
  readonly userId: string;
  /** `m.read`, `m.read.private`, … A private one concerns its user alone. */
  readonly receiptType: string;
}

export interface TypingChange {
  readonly kind: 'typing';
  readonly roomId: string;
}

/** Whether a user is there, or what he says of it, changed. Who shares one of these rooms with him is told. */
export interface PresenceChange {
  readonly kind: 'presence';
  readonly userId: string;
  readonly roomIds: readonly string[];
}

/** Account data, global (`roomId` undefined) or of a room; push rules are `m.push_rules`. */
export interface AccountDataChange {
  readonly kind: 'account-data';
  readonly userId: string;
  readonly roomId: string | undefined;
  readonly type: string;
}

export interface ToDeviceChange {
  readonly kind: 'to-device';
  readonly userId: string;
  readonly deviceId: string;
}

/** The devices of a user, their keys or names, changed. */
export interface DeviceListChange {
  readonly kind: 'device-list';
  readonly userId: string;
}

/** A user signed the master key of another one: his own devices see that key anew, and nobody else does. */
export interface UserSignatureChange {
  readonly kind: 'user-signature';
  readonly userId: string;
  readonly signedUserId: string;
}

/** How many one-time or fallback keys of a device are left changed. */
export interface OneTimeKeysChange {
  readonly kind: 'one-time-keys';
  readonly userId: string;
  readonly deviceId: string;
}

/** A user follows a thread, or no longer. */
export interface ThreadSubscriptionChange {
  readonly kind: 'thread-subscription';
  readonly userId: string;
  readonly roomId: string;
}

/** Something waits for another server in `outgoing_edus`, under this position. */
export interface OutgoingEduChange {
  readonly kind: 'outgoing-edu';
  readonly serverName: string;
}
