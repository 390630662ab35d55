import { asUserId, serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { selectStrippedState } from '../../storage/queries/stripped-states.ts';
import type { Storage } from '../../storage/storage.ts';
import type { ServerKeys } from '../remote-servers/remote-servers.ts';
import type { MembershipReader, MembershipRecord } from '../rooms/membership-reader.ts';
import type { ReceivedEvent } from '../rooms/received-event.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import type { RoomReceiver } from '../rooms/room-receiver.ts';
import { verifyReceived } from '../rooms/verify-received.ts';

export interface TakenBackParts {
  readonly storage: Storage;
  readonly memberships: MembershipReader;
  readonly receiver: RoomReceiver;
  readonly keys: ServerKeys;
  readonly serverName: string;
}

/**
 * Invites and knocks of our users that others end, in rooms where none of them is: all that is known of such a room is
 * what was said with the invite, so it is believed to the servers that were named there.
 */
export class TakenBackMemberships {
  readonly #parts: TakenBackParts;

  constructor(parts: TakenBackParts) {
    this.#parts = parts;
  }

  /** The IDs of those of the PDUs that were taken; the rest is nothing of the kind. */
  async take(room: RoomRecord, objects: readonly JsonObject[], receivedTs: number): Promise<string[]> {
    const ended = objects.filter((object) => this.#endsMembership(object));
    if (ended.length === 0) return [];
    const { keys } = this.#parts;
    const verified = await verifyReceived(ended, { version: room.version, keys, receivedTs });
    const taken: string[] = [];
    for (const one of verified) {
      if (one.allowed && (await this.#takeOne(room, one.event))) taken.push(one.event.pdu.eventId);
    }
    return taken;
  }

  #endsMembership({ type, state_key: userId, content }: JsonObject): boolean {
    const membership = isJsonObject(content) ? content.membership : undefined;
    if (type !== 'm.room.member' || (membership !== 'leave' && membership !== 'ban')) return false;
    const user = asUserId(userId);
    return user !== undefined && serverNameOf(user) === this.#parts.serverName;
  }

  async #takeOne(room: RoomRecord, event: ReceivedEvent): Promise<boolean> {
    const { memberships, receiver } = this.#parts;
    const userId = event.pdu.stateKey ?? '';
    const present = await memberships.of(room, userId);
    if (present?.membership !== 'invite' && present?.membership !== 'knock') return false;
    const { strippedState, servers } = await this.#told(room, present);
    if (!servers.has(serverNameOf(event.pdu.sender) ?? '')) return false;
    await receiver.noteRemoteMembership({ roomId: room.roomId, version: room.version, event, strippedState });
    return true;
  }

  /** What was told of the room, and the servers of those who made it so. */
  async #told(room: RoomRecord, { userId, sender }: MembershipRecord) {
    const [row] = await this.#parts.storage.read(selectStrippedState, { roomNid: room.nid, userId });
    const told: JsonValue = row === undefined ? [] : JSON.parse(row.json);
    const events = Array.isArray(told) ? told.filter(isJsonObject) : [];
    const senders = [sender, ...events.map((event) => String(event.sender))];
    const servers = new Set<string>(senders.map((one) => serverNameOf(one) ?? ''));
    servers.delete('');
    servers.delete(this.#parts.serverName);
    return { strippedState: events.map((event) => JSON.stringify(event)), servers };
  }
}
