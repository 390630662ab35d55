import { type Static, Type } from 'typebox';

/** Most lists, and most subscribed rooms, that one extension names. */
const MAX_NAMED_LISTS = 1_000;
const MAX_NAMED_ROOMS = 10_000;

const enabled = Type.Optional(Type.Boolean());

/** At least 1: what asks for less is given 1, and a greater number than the server gives counts as that. */
const limit = Type.Optional(Type.Integer({ minimum: 0 }));

const since = Type.Optional(Type.String());

/** Of which rooms of the answer the extension tells; without them, of all. `*` is all lists or subscriptions. */
const OF_ROOMS = {
  lists: Type.Optional(Type.Array(Type.String(), { maxItems: MAX_NAMED_LISTS })),
  rooms: Type.Optional(Type.Array(Type.String(), { maxItems: MAX_NAMED_ROOMS })),
};

const ofRooms = Type.Object({ enabled, ...OF_ROOMS });
const threadSubscriptions = Type.Object({ enabled, limit });
const stickyEvents = Type.Object({ enabled, limit, since });

/**
 * `extensions` of a sliding sync request: MSC4186, and MSC3885 (to-device), MSC3884 (e2ee), MSC3959 (account data),
 * MSC3960 (receipts), MSC3961 (typing), MSC4308 (thread subscriptions), MSC4480 (sticky events). Others are ignored.
 */
export const slidingSyncExtensions = Type.Object({
  to_device: Type.Optional(Type.Object({ enabled, limit, since })),
  e2ee: Type.Optional(Type.Object({ enabled })),
  account_data: Type.Optional(ofRooms),
  receipts: Type.Optional(ofRooms),
  typing: Type.Optional(ofRooms),
  thread_subscriptions: Type.Optional(threadSubscriptions),
  'io.element.msc4308.thread_subscriptions': Type.Optional(threadSubscriptions),
  sticky_events: Type.Optional(stickyEvents),
  'org.matrix.msc4354.sticky_events': Type.Optional(stickyEvents),
});

export type SlidingSyncExtensions = Static<typeof slidingSyncExtensions>;

export const SLIDING_SYNC_EXTENSION_NAMES = Object.keys(
  slidingSyncExtensions.properties,
) as readonly (keyof SlidingSyncExtensions)[];
