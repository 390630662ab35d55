import type { SnapshotPath } from './snapshot-path.ts';

/** A state of a room: a snapshot, and what differs from it that no snapshot has yet. Never changed. */
export interface StateRef {
  /** The snapshot with all that it rests on; empty before the room's first. */
  readonly path: SnapshotPath;
  /** Slot nid to event nid, 0 where the slot is empty. */
  readonly beyond: ReadonlyMap<number, number>;
}

export const NO_STATE: StateRef = { path: [], beyond: new Map() };

export function withSlots(ref: StateRef, changes: Iterable<readonly [slotNid: number, eventNid: number]>): StateRef {
  const beyond = new Map(ref.beyond);
  for (const [slotNid, eventNid] of changes) beyond.set(slotNid, eventNid);
  return { path: ref.path, beyond };
}

/** Two with one identity are one state. (One state may have several identities.) */
export function identityOf({ path, beyond }: StateRef): string {
  const entries = [...beyond]
    .sort(([left], [right]) => left - right)
    .map(([slotNid, eventNid]) => `${slotNid}:${eventNid}`);
  return `${path.at(-1)?.nid ?? 0} ${entries.join(' ')}`;
}
