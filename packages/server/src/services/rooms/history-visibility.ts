import { contentOf, type Pdu } from '@limpet/protocol/pdu';
import type { Membership } from './membership-reader.ts';

/** Who may see what was said while this was in force. Specification: client-server API, "Room History Visibility". */
export type HistoryVisibility = 'world_readable' | 'shared' | 'invited' | 'joined';

/** What the rule looks at: one event and one user. */
export interface Sight {
  /** At the event: before it and, where the event itself changes it, after it. */
  readonly visibilities: readonly HistoryVisibility[];
  /** The user's membership at the event: before it and, where the event is that user's member event, after it. */
  readonly memberships: readonly Membership[];
  /** Whether the user joined at any point after the event. */
  readonly joinedLater: boolean;
}

/** Whether this user may see this event: the numbered rules of the specification. */
export function maySee({ visibilities, memberships, joinedLater }: Sight): boolean {
  return visibilities.some(
    (visibility) =>
      visibility === 'world_readable' /* 1 */ ||
      memberships.includes('join') /* 2 */ ||
      (visibility === 'shared' && joinedLater) /* 3 */ ||
      (visibility === 'invited' && memberships.includes('invite')) /* 4 */,
  );
}

/** What an `m.room.history_visibility` event says; `shared` where there is none or its value is not understood. */
export function historyVisibilityOf(event: Pick<Pdu, 'content'> | undefined): HistoryVisibility {
  const value = contentOf(event, 'history_visibility');
  return VISIBILITIES.find((known) => known === value) ?? 'shared';
}

const VISIBILITIES: readonly HistoryVisibility[] = ['world_readable', 'shared', 'invited', 'joined'];

/** What an `m.room.member` event says; who has none has left. */
export function membershipOf(event: Pick<Pdu, 'content'> | undefined): Membership {
  const value = contentOf(event, 'membership');
  return MEMBERSHIPS.find((known) => known === value) ?? 'leave';
}

const MEMBERSHIPS: readonly Membership[] = ['join', 'invite', 'leave', 'ban', 'knock'];
