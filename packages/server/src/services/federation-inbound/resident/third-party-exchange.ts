import { asUserId, serverNameOf } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { NewEvent } from '../../rooms/event-maker.ts';
import type { RoomSummaries } from '../../rooms/room-summaries.ts';
import type { RoomGate } from './room-gate.ts';

/** Makes an invite in a room, with the signature of the invited user's server. */
export interface RemoteInviter {
  invite(
    invite: { readonly roomId: string; readonly sender: string; readonly target: string; readonly event: NewEvent },
    isDone: () => boolean,
  ): Promise<string | undefined>;
}

interface ThirdPartyExchangeParts {
  readonly gate: RoomGate;
  readonly summaries: RoomSummaries;
  readonly inviter: RemoteInviter;
}

export interface ExchangeRequest {
  /** The server that asks: that of the invited user. */
  readonly serverName: string;
  readonly roomId: string;
  readonly sender: string;
  readonly target: string;
  readonly thirdPartyInvite: JsonObject;
}

/**
 * Turns an invite by e-mail address or the like into one by user ID, once the identity server has signed whose the
 * address is. The room's rules look at that signature; nothing else is asked of an identity server.
 * Specification: server-server API, "Third-party invites".
 */
export class ThirdPartyExchange {
  readonly #parts: ThirdPartyExchangeParts;

  constructor(parts: ThirdPartyExchangeParts) {
    this.#parts = parts;
  }

  /** Throws M_NOT_FOUND for a room where nobody of ours is, M_FORBIDDEN for another server's user and by the rules. */
  async exchange({ serverName, roomId, sender, target, thirdPartyInvite }: ExchangeRequest): Promise<void> {
    if (asUserId(sender) === undefined || asUserId(target) === undefined) {
      throw new MatrixError('M_INVALID_PARAM', 'sender and state_key must be user IDs.');
    }
    if (serverNameOf(target) !== serverName) {
      throw new MatrixError('M_FORBIDDEN', `${target} is no user of ${serverName}: nobody asks for others' users.`);
    }
    const room = await this.#parts.gate.approach(roomId, serverName);
    if (!(await this.#parts.summaries.isResident(room))) {
      throw new MatrixError('M_NOT_FOUND', `Nobody of this server is in the room ${roomId}. Ask another server.`);
    }
    const content = { membership: 'invite', third_party_invite: thirdPartyInvite };
    const event = { sender, type: 'm.room.member', stateKey: target, content };
    await this.#parts.inviter.invite({ roomId, sender, target, event }, () => false);
  }
}
