import { powerLevelsOf } from '@limpet/protocol/authorization/power-levels';
import type { Pdu } from '@limpet/protocol/pdu';
import { stateMapKey } from '@limpet/protocol/pdu';
import { selectThreadSubscription } from '../../storage/queries/thread-subscriptions.ts';
import type { Storage } from '../../storage/storage.ts';
import { threadRootOf } from '../rooms/event-relation.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import type { RoomStateReader } from '../rooms/room-state.ts';
import { compilePushRules, evaluatePushRules } from './evaluate-push-rules.ts';
import { pushEventOf } from './push-event.ts';
import type { PushAction } from './push-rule.ts';
import type { PushRules } from './push-rules.ts';

export interface PushJudgeParts {
  readonly storage: Storage;
  readonly rules: PushRules;
  readonly state: RoomStateReader;
  readonly memberships: MembershipReader;
}

/**
 * What a user's rules say of an event now. Whether an event notifies was decided when it was written; this tells the
 * tweaks of it, and decides about invites, which stand in no timeline of the user's.
 */
export class PushJudge {
  readonly #parts: PushJudgeParts;

  constructor(parts: PushJudgeParts) {
    this.#parts = parts;
  }

  /** None where the user ignores the sender. */
  async actions(userId: string, event: RoomEvent): Promise<readonly PushAction[]> {
    const { rules, state, memberships } = this.#parts;
    const { room, pdu } = event;
    const settings = (await rules.settingsOf([userId])).get(userId);
    if (settings?.ignoredUsers.has(pdu.sender)) return [];
    const [create, powerLevels, member, counts] = await Promise.all([
      state.current(room, 'm.room.create', ''),
      state.current(room, 'm.room.power_levels', ''),
      state.current(room, 'm.room.member', userId),
      memberships.counts(room),
    ]);
    const known = new Map<string, Pdu>();
    if (create !== undefined) known.set(stateMapKey('m.room.create', ''), create.pdu);
    if (powerLevels !== undefined) known.set(stateMapKey('m.room.power_levels', ''), powerLevels.pdu);
    const displayName = member?.pdu.content.displayname;
    return evaluatePushRules(settings?.rules ?? compilePushRules(rules.defaults.of(userId)), pushEventOf(pdu), {
      displayName: typeof displayName === 'string' ? displayName : undefined,
      memberCount: counts.joined,
      powerLevels: powerLevelsOf(known, room.version),
      followsThread: await this.#followsThread(userId, pdu),
    });
  }

  async #followsThread(userId: string, pdu: Pdu): Promise<boolean | undefined> {
    const rootId = threadRootOf(pdu);
    if (rootId === undefined) return undefined;
    const [row] = await this.#parts.storage.read(selectThreadSubscription, { userId, roomId: pdu.roomId, rootId });
    return row?.is_subscribed === 1;
  }
}
