/**
 * A room version as a value of named booleans. Comparing version numbers is not allowed anywhere: ask for what differs.
 * Specification: https://spec.matrix.org/latest/rooms/ and the page of each version.
 */
export interface RoomVersion {
  readonly id: RoomVersionId;
  /** Which state resolution algorithm the room uses. */
  readonly stateResolution: 'v1' | 'v2' | 'v2.1';
  /** v3+: the event ID is the reference hash of the event; before, the sending server chose it. */
  readonly eventIdIsHash: boolean;
  /** v4+: the hash in the event ID is written in URL-safe base64. */
  readonly eventIdIsUrlSafe: boolean;
  /** v5+: a signing key must have been valid at `origin_server_ts`. */
  readonly enforcesKeyValidity: boolean;
  /** v6+: only canonical JSON (integers in ±(2^53)-1, no floats) is accepted. */
  readonly requiresCanonicalJson: boolean;
  /** v1 to v5: `m.room.aliases` has authorization and redaction rules of its own. */
  readonly treatsAliasesSpecially: boolean;
  /** v1, v2: `m.room.redaction` is checked by the authorization rules. */
  readonly authorizesRedactions: boolean;
  /** v6+: the `notifications` property of power levels is authorized like the others. */
  readonly authorizesNotificationLevels: boolean;
  /** v7+: users may knock. */
  readonly allowsKnocking: boolean;
  /** v8+: the join rule `restricted` exists. */
  readonly allowsRestrictedJoins: boolean;
  /** v9+: redaction keeps `join_authorised_via_users_server`. */
  readonly redactionKeepsAuthorisingUser: boolean;
  /** v10+: the join rule `knock_restricted` exists. */
  readonly allowsKnockRestricted: boolean;
  /** v10+: power levels must be integers; before, strings that hold one were accepted. */
  readonly requiresIntegerPowerLevels: boolean;
  /** v11+: the creator is the sender of `m.room.create`; before, its `content.creator`. */
  readonly creatorIsSender: boolean;
  /** v11+: `redacts` stands in `content` of `m.room.redaction`; before, at the top level. */
  readonly redactsIsInContent: boolean;
  /** v11+: the redaction algorithm was revised (all of `m.room.create` kept, fewer top-level keys, and so on). */
  readonly hasRevisedRedaction: boolean;
  /** v12+: the room ID is the hash of the create event, which itself has no `room_id`. */
  readonly roomIdIsCreateHash: boolean;
  /** v12+: creators (sender and `additional_creators`) have a power level above any integer. */
  readonly privilegesCreators: boolean;
}

export const ROOM_VERSION_IDS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'] as const;

export type RoomVersionId = (typeof ROOM_VERSION_IDS)[number];

export const DEFAULT_ROOM_VERSION_ID: RoomVersionId = '12';

const v1: RoomVersion = {
  id: '1',
  stateResolution: 'v1',
  eventIdIsHash: false,
  eventIdIsUrlSafe: false,
  enforcesKeyValidity: false,
  requiresCanonicalJson: false,
  treatsAliasesSpecially: true,
  authorizesRedactions: true,
  authorizesNotificationLevels: false,
  allowsKnocking: false,
  allowsRestrictedJoins: false,
  redactionKeepsAuthorisingUser: false,
  allowsKnockRestricted: false,
  requiresIntegerPowerLevels: false,
  creatorIsSender: false,
  redactsIsInContent: false,
  hasRevisedRedaction: false,
  roomIdIsCreateHash: false,
  privilegesCreators: false,
};
const v2: RoomVersion = { ...v1, id: '2', stateResolution: 'v2' };
const v3: RoomVersion = { ...v2, id: '3', eventIdIsHash: true, authorizesRedactions: false };
const v4: RoomVersion = { ...v3, id: '4', eventIdIsUrlSafe: true };
const v5: RoomVersion = { ...v4, id: '5', enforcesKeyValidity: true };
const v6: RoomVersion = {
  ...v5,
  id: '6',
  requiresCanonicalJson: true,
  treatsAliasesSpecially: false,
  authorizesNotificationLevels: true,
};
const v7: RoomVersion = { ...v6, id: '7', allowsKnocking: true };
const v8: RoomVersion = { ...v7, id: '8', allowsRestrictedJoins: true };
const v9: RoomVersion = { ...v8, id: '9', redactionKeepsAuthorisingUser: true };
const v10: RoomVersion = { ...v9, id: '10', allowsKnockRestricted: true, requiresIntegerPowerLevels: true };
const v11: RoomVersion = {
  ...v10,
  id: '11',
  creatorIsSender: true,
  redactsIsInContent: true,
  hasRevisedRedaction: true,
};
const v12: RoomVersion = {
  ...v11,
  id: '12',
  stateResolution: 'v2.1',
  roomIdIsCreateHash: true,
  privilegesCreators: true,
};

const versions: ReadonlyMap<string, RoomVersion> = new Map(
  [v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12].map((version) => [version.id, version]),
);

/** The room version of that name; `undefined` where we do not know it (a verdict for the caller to name). */
export function findRoomVersion(id: string): RoomVersion | undefined {
  return versions.get(id);
}
