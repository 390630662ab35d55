import { STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES } from '@limpet/sticky/sticky-names';
import { inTurns } from '../rooms/breathe.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import type { EventViewer } from '../rooms/room-reader.ts';
import { keepFields } from './event-fields.ts';
import type { JoinedRoom } from './joined-room.ts';
import type { LeftRoom } from './other-rooms.ts';
import type { SyncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import { formatSyncToken, formatTimelineToken } from './sync-token.ts';

/** How events are shown in one section. */
type Manner = Pick<EventViewer, 'withRoomId' | 'withRelations'>;

/** Turns what was read into the texts that an answer is joined from (decision 4: serialize once). */
export class AnswerText {
  readonly #request: SyncRequest;
  readonly #sources: SyncSources;
  /** For rooms of whose timeline nothing is given. */
  readonly #end: string;

  constructor(request: SyncRequest, range: SyncRange, sources: SyncSources) {
    this.#request = request;
    this.#sources = sources;
    const end = { vector: range.upTo, sticky: undefined, toDeviceUpTo: undefined };
    this.#end = formatSyncToken(end, sources.storage.databaseTag);
  }

  async joinedRoom(answer: JoinedRoom, sticky: readonly RoomEvent[]): Promise<string> {
    const { settings } = this.#sources;
    const parts = [await this.#timeline(answer), await this.#state(answer.state)];
    parts.push(`"account_data":{"events":[${answer.accountData.join()}]}`);
    parts.push(`"ephemeral":{"events":[${answer.ephemeral.join()}]}`);
    if (answer.unread !== undefined) parts.push(answer.unread);
    if (answer.summary !== undefined) parts.push(`"summary":${answer.summary}`);
    if (sticky.length > 0) {
      // Unlike in a timeline each of them carries its room_id.
      const events = await this.#events(sticky, { withRoomId: true, withRelations: answer.isLimited });
      parts.push(`"${settings.stickySectionName}":{"events":[${events}]}`);
    }
    return `{${parts.join()}}`;
  }

  async leftRoom(answer: LeftRoom): Promise<string> {
    const accountData = `"account_data":{"events":[${answer.accountData.join()}]}`;
    return `{${await this.#timeline(answer)},${await this.#state(answer.state)},${accountData}}`;
  }

  async #timeline({ timeline, isLimited, startsAfter }: JoinedRoom | LeftRoom): Promise<string> {
    const { databaseTag } = this.#sources.storage;
    const previous = startsAfter === undefined ? this.#end : formatTimelineToken(startsAfter, databaseTag);
    const events = await this.#events(timeline, { withRoomId: false, withRelations: isLimited });
    return `"timeline":{"events":[${events}],"limited":${isLimited},"prev_batch":"${previous}"}`;
  }

  async #state(state: readonly RoomEvent[]): Promise<string> {
    const name = this.#request.stateAfterName ?? 'state';
    return `"${name}":{"events":[${await this.#events(state, { withRoomId: false })}]}`;
  }

  async #events(events: readonly RoomEvent[], manner: Manner): Promise<string> {
    if (events.length === 0) return '';
    return (await inTurns(this.#sources.platform.timers, events, (part) => this.#texts(part, manner))).join();
  }

  async #texts(events: readonly RoomEvent[], manner: Manner): Promise<string[]> {
    const { userId, deviceId, filter } = this.#request;
    const texts = await this.#sources.rooms.present(events, { userId, deviceId, ...manner });
    if (filter.eventFormat === 'federation') {
      return events.map((event, index) => federationText(event, texts[index] ?? '{}'));
    }
    const { eventFields } = filter;
    if (eventFields === undefined) return texts;
    const fields = [...eventFields, ...ALWAYS_KEPT, ...(manner.withRoomId ? [['room_id']] : [])];
    return texts.map((text) => keepFields(text, fields));
  }
}

/** C8: what is left of an event is told in every form of it; more fields than were asked for are allowed. */
const ALWAYS_KEPT = [STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES].map(({ remainingField }) => [
  'unsigned',
  remainingField,
]);

/** The event as servers have it. */
function federationText(event: RoomEvent, clientText: string): string {
  return JSON.stringify({ ...event.pdu.json, ...JSON.parse(keepFields(clientText, ALWAYS_KEPT)) });
}
