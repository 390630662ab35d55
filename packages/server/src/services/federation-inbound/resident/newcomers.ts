import { MatrixError } from '@limpet/protocol/matrix-error';
import type { EventStore } from '../../rooms/event-store.ts';
import { membershipIn } from '../../rooms/loaded-room.ts';
import type { MembershipReader } from '../../rooms/membership-reader.ts';
import { allowedRoomIds, isRestricted, MAX_ALLOWED_ROOMS, userWhoMayInvite } from '../../rooms/restricted-joins.ts';
import type { RoomInTurn } from '../../rooms/room-actor.ts';
import type { RoomSummaries } from '../../rooms/room-summaries.ts';

interface NewcomersParts {
  readonly events: EventStore;
  readonly memberships: MembershipReader;
  readonly summaries: RoomSummaries;
}

/**
 * Users of other servers who want to join because they are in a room that is allowed in.
 * Specification: server-server API, "Restricted rooms".
 */
export class Newcomers {
  readonly #parts: NewcomersParts;

  constructor(parts: NewcomersParts) {
    this.#parts = parts;
  }

  /**
   * The user of ours who stands for the newcomer; `undefined` where none is needed, or where the rules will refuse
   * anyway. Throws M_UNABLE_TO_AUTHORISE_JOIN where this server cannot tell whether the newcomer may come in,
   * M_UNABLE_TO_GRANT_JOIN where he may and another server has to say so, M_FORBIDDEN where he may not.
   */
  async authorisingUser(turn: RoomInTurn, userId: string): Promise<string | undefined> {
    const { room, loadMembers } = turn;
    await loadMembers(userId);
    const membership = membershipIn(room, userId);
    if (!isRestricted(room) || membership === 'join' || membership === 'invite' || membership === 'ban') {
      return undefined;
    }
    await this.#checkConditions(turn, userId);
    const found = userWhoMayInvite(room);
    if (found === undefined) {
      throw new MatrixError('M_UNABLE_TO_GRANT_JOIN', 'Nobody of this server may invite here. Ask another server.');
    }
    await loadMembers(found);
    return found;
  }

  async #checkConditions({ room }: RoomInTurn, userId: string): Promise<void> {
    const { events, memberships, summaries } = this.#parts;
    let isUnknown = false;
    for (const roomId of allowedRoomIds(room.state).slice(0, MAX_ALLOWED_ROOMS)) {
      const allowed = await events.room(roomId);
      // What is known of a room that nobody of ours is in may be out of date.
      if (allowed === undefined || !(await summaries.isResident(allowed))) isUnknown = true;
      else if ((await memberships.of(allowed, userId))?.membership === 'join') return;
    }
    if (isUnknown) {
      const text = 'This server is not in all of the rooms whose members may join. Ask another server.';
      throw new MatrixError('M_UNABLE_TO_AUTHORISE_JOIN', text);
    }
    throw new MatrixError('M_FORBIDDEN', `Joining takes an invite, or the membership of a room that is allowed in.`);
  }
}
