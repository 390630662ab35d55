import { stateMapKey } from '@limpet/protocol/pdu';
import { createCache } from '../../cache/create-cache.ts';
import { selectSlot, upsertSlot } from '../../storage/queries/state.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';

/** Slots kept in memory. Some 200 bytes each; there is one for every user who ever joined anything. */
const MAX_CACHED_SLOTS = 50_000;

/** The expectation that fails when somebody else gave this slot another nid. */
export const SLOT_EXPECTATION = 'the state slot has this nid';

/** An interned (type, state_key), or one about to be. */
export interface Slot {
  readonly type: string;
  readonly stateKey: string;
  nid: number | undefined;
  /** Once its row is on disk no batch has to bring it. */
  isCommitted: boolean;
}

/**
 * The writer's view of `state_slots`. A slot that is new gets its nid once, in memory, and is written by every batch
 * that uses it until one of them is committed: whichever batch fails, none refers to a slot that is not there.
 */
export class SlotTable {
  readonly #storage: Storage;
  readonly #slots = createCache<string, Slot>(MAX_CACHED_SLOTS);

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** The slot, if it is in memory. */
  cached(type: string, stateKey: string): Slot | undefined {
    return this.#slots.get(stateMapKey(type, stateKey));
  }

  /** The slot, read or about to be made: to be called before the decision that needs it. */
  async load(type: string, stateKey: string): Promise<Slot> {
    const known = this.cached(type, stateKey);
    if (known !== undefined) return known;
    const [row] = await this.#storage.read(selectSlot, { type, stateKey });
    // Somebody else may have loaded it meanwhile: there is one value for one slot.
    const loaded = this.cached(type, stateKey) ?? {
      type,
      stateKey,
      nid: row?.slot_nid,
      isCommitted: row !== undefined,
    };
    this.#slots.set(stateMapKey(type, stateKey), loaded);
    return loaded;
  }

  /** The slot's nid, with its row in the batch if it is not known to be on disk. */
  intern(transaction: WriteTransaction, slot: Slot): number {
    slot.nid ??= transaction.allocate();
    if (!slot.isCommitted) {
      const { nid: slotNid, type, stateKey } = slot;
      transaction.expect(upsertSlot, { slotNid, type, stateKey }, SLOT_EXPECTATION);
    }
    return slot.nid;
  }

  /** After a batch with this slot failed on `SLOT_EXPECTATION`: read it again. */
  forget(slot: Slot): void {
    this.#slots.delete(stateMapKey(slot.type, slot.stateKey));
  }
}
