import type { StateRef } from '../state-ref.ts';
import type { SlotChange, SlotEvent } from '../write-slot-change.ts';
import type { DraftRoom } from './draft-room.ts';
import type { Planning } from './planning.ts';

/** What the room's current state changes by when it becomes that one. */
export async function slotChanges(draft: DraftRoom, to: StateRef, planning: Planning): Promise<SlotChange[]> {
  if (draft.isCurrent(to)) return [];
  const slotNids = await planning.refs.slotsThatMayDiffer([draft.current, to]);
  const before = await planning.refs.lookUp(draft.current, slotNids);
  const after = await planning.refs.lookUp(to, slotNids);
  const different = [...slotNids].filter((slotNid) => before.get(slotNid) !== after.get(slotNid));
  const nids = different.flatMap((slotNid) => [before.get(slotNid) ?? [], after.get(slotNid) ?? []].flat());
  const events = await planning.byNids(nids);
  return different.map((slotNid) => {
    const event = heldBy(after.get(slotNid));
    const previous = heldBy(before.get(slotNid));
    const { type, stateKey = '' } = (event ?? previous ?? nothing(slotNid)).pdu;
    return { slotNid, type, stateKey, event, previous };
  });

  function heldBy(nid: number | undefined): SlotEvent | undefined {
    if (nid === undefined) return undefined;
    const event = events.get(nid);
    if (event === undefined) throw new Error(`The state event ${nid} is not there`);
    return { nid, pdu: event.pdu };
  }
}

function nothing(slotNid: number): never {
  throw new Error(`The slot ${slotNid} changes from nothing to nothing`);
}
