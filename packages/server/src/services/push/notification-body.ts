import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import type { RoomEvent } from '../rooms/room-event.ts';
import type { RoomReader } from '../rooms/room-reader.ts';
import type { RoomStateReader } from '../rooms/room-state.ts';
import type { PushAction } from './push-rule.ts';
import type { Pusher } from './pusher.ts';

/** MSC4076: an application that counts for itself does not want to be told. */
const NO_COUNTS = 'org.matrix.msc4076.disable_badge_count';

export interface NotificationBodyParts {
  readonly state: RoomStateReader;
  readonly rooms: Pick<RoomReader, 'strippedState'>;
}

/** An event that a pusher tells of. */
export interface EventToTell {
  readonly event: RoomEvent;
  readonly actions: readonly PushAction[];
  readonly badge: number;
}

/** Whether the application of this pusher wants to know how much is unread. */
export function wantsCounts({ data }: Pusher): boolean {
  return data[NO_COUNTS] !== true;
}

/**
 * That less is unread than was. A count of zero is told, though the specification would leave it out: gateways take one
 * that is not there for one that did not change.
 */
export function countsBody(pusher: Pusher, badge: number): JsonObject {
  return { counts: { unread: badge }, prio: 'low', devices: [deviceOf(pusher, undefined)] };
}

/** What a gateway is told of events. Specification: Push Gateway API, `POST /_matrix/push/v1/notify`. */
export class NotificationBody {
  readonly #parts: NotificationBodyParts;

  constructor(parts: NotificationBodyParts) {
    this.#parts = parts;
  }

  async of(pusher: Pusher, told: EventToTell): Promise<JsonObject> {
    const { event, actions, badge } = told;
    const tweaks = tweaksOf(actions);
    const common: JsonObject = {
      event_id: event.pdu.eventId,
      room_id: event.room.roomId,
      prio: priorityOf(event, tweaks),
      counts: wantsCounts(pusher) ? { unread: badge } : {},
      devices: [deviceOf(pusher, tweaks)],
    };
    return pusher.data.format === 'event_id_only' ? common : { ...common, ...(await this.#details(pusher, event)) };
  }

  async #details({ userId }: Pusher, { pdu, room }: RoomEvent): Promise<JsonObject> {
    const { state } = this.#parts;
    const isInvite = pdu.type === 'm.room.member' && pdu.stateKey === userId;
    const stripped = isInvite ? await this.#strippedState(room, userId) : undefined;
    const content = async (type: string, stateKey: string) =>
      stripped === undefined
        ? (await state.current(room, type, stateKey))?.pdu.content
        : contentIn(stripped, type, stateKey);
    const [name, alias, sender] = await Promise.all([
      content('m.room.name', ''),
      content('m.room.canonical_alias', ''),
      content('m.room.member', pdu.sender),
    ]);
    return {
      type: pdu.type,
      sender: pdu.sender,
      content: pdu.content,
      ...textAs('sender_display_name', sender?.displayname),
      ...textAs('room_name', name?.name),
      ...textAs('room_alias', alias?.alias),
      ...(isInvite ? { user_is_target: true } : {}),
    };
  }

  async #strippedState(room: RoomEvent['room'], userId: string): Promise<readonly JsonObject[]> {
    const events: JsonValue = JSON.parse(await this.#parts.rooms.strippedState(room, userId));
    return Array.isArray(events) ? events.filter(isJsonObject) : [];
  }
}

function contentIn(events: readonly JsonObject[], type: string, stateKey: string): JsonObject | undefined {
  const found = events.find((event) => event.type === type && event.state_key === stateKey)?.content;
  return isJsonObject(found) ? found : undefined;
}

function textAs(name: string, value: JsonValue | undefined): JsonObject {
  return typeof value === 'string' && value !== '' ? { [name]: value } : {};
}

/** Specification: "Actions": a tweak without a value is `true`. */
function tweaksOf(actions: readonly PushAction[]): JsonObject {
  const tweaks: JsonObject = {};
  for (const action of actions) {
    if (isJsonObject(action) && typeof action.set_tweak === 'string') tweaks[action.set_tweak] = action.value ?? true;
  }
  return tweaks;
}

/** What makes no sound and names nobody may wait; of an encrypted event only its reader knows whether it may. */
function priorityOf({ pdu }: RoomEvent, tweaks: JsonObject): string {
  const isUrgent = pdu.type === 'm.room.encrypted' || tweaks.sound !== undefined || tweaks.highlight === true;
  return isUrgent ? 'high' : 'low';
}

function deviceOf({ appId, pushkey, setTs, data }: Pusher, tweaks: JsonObject | undefined): JsonObject {
  const device = { app_id: appId, pushkey, pushkey_ts: Math.floor(setTs / 1_000), data };
  return tweaks === undefined ? device : { ...device, tweaks };
}
