import type { Pdu } from '@limpet/protocol/pdu';

/**
 * An event made by another server, past the first three checks on receipt: format, signatures, hash (redacted where the
 * hash is not right). Specification: server-server API, "Checks performed on receipt of a PDU".
 */
export interface ReceivedEvent {
  readonly pdu: Pdu;
  /** Of `pdu.json`. */
  readonly canonicalJson: string;
  /** Our clock when it first arrived (A2); kept however long it waits to be processed. */
  readonly receivedTs: number;
  /**
   * Why a policy server or a spam check refused it (H1): it is kept like a soft-failed event, and stays so (A5).
   */
  readonly refusedBecause?: string | undefined;
}

/** What became of an event that was received. */
export type Reception =
  /** It stands in the room and clients see it, at once or (E5) a little later. */
  | { readonly outcome: 'accepted' }
  /** It was there before. */
  | { readonly outcome: 'known' }
  /** Kept, and not shown: current state refuses it (check 6). Sticky ones are looked at again (E7). */
  | { readonly outcome: 'soft-failed'; readonly reason: string }
  /** Kept as refused, for good (checks 4 and 5). */
  | { readonly outcome: 'rejected'; readonly reason: string }
  /** Nothing was kept: these events have to be there first. */
  | { readonly outcome: 'missing'; readonly authEvents: readonly string[]; readonly prevEvents: readonly string[] };
