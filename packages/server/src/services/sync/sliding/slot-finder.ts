import type { RoomStateReader } from '../../rooms/room-state.ts';
import type { StateElement } from './state-rule.ts';

/** Finds the nids of slots for one answer: a slot that no room has is looked for once, not for each room. */
export class SlotFinder {
  readonly #state: RoomStateReader;
  readonly #known = new Map<string, number | undefined>();

  constructor(state: RoomStateReader) {
    this.#state = state;
  }

  /** Those of the slots that there are. */
  async nidsOf(slots: readonly StateElement[]): Promise<number[]> {
    const nids = new Set<number>();
    for (const slot of slots) {
      const nid = await this.#find(slot);
      if (nid !== undefined) nids.add(nid);
    }
    return [...nids];
  }

  async #find({ type, stateKey }: StateElement): Promise<number | undefined> {
    const key = JSON.stringify([type, stateKey]);
    if (this.#known.has(key)) return this.#known.get(key);
    const nid = await this.#state.slotNid(type, stateKey);
    this.#known.set(key, nid);
    return nid;
  }
}
