import { ExpectationFailed } from '../../../storage/storage.ts';
import type { ReceivedEvent } from '../received-event.ts';
import { SLOT_EXPECTATION, type Slot, type SlotTable } from '../slot-table.ts';

/** How often a write is tried again when somebody else gave a slot its number meanwhile. */
const MAX_ATTEMPTS = 5;

/** Lets `write` write the slots of these state events with whatever else; they count as written when it is done. */
export async function withSlots<T>(
  events: readonly { readonly received: ReceivedEvent }[],
  table: SlotTable,
  write: (slots: readonly Slot[]) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const slots = new Set<Slot>();
    for (const { received } of events) {
      const { type, stateKey } = received.pdu;
      if (stateKey !== undefined) slots.add(table.cached(type, stateKey) ?? (await table.load(type, stateKey)));
    }
    try {
      const written = await write([...slots]);
      for (const slot of slots) slot.isCommitted = true;
      return written;
    } catch (error) {
      const isTaken = error instanceof ExpectationFailed && error.expectation === SLOT_EXPECTATION;
      if (!isTaken || attempt >= MAX_ATTEMPTS) throw error;
      for (const slot of slots) if (!slot.isCommitted) table.forget(slot);
    }
  }
}
