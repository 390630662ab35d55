import { MatrixError } from '@limpet/protocol/matrix-error';
import {
  type DelayedEventRow,
  selectDelayedEventsBackwards,
  selectDelayedEventsForwards,
} from '../../storage/queries/delayed-events.ts';
import type { Storage } from '../../storage/storage.ts';
import { type DelayedEvent, readDelayedEvent } from './delayed-event.ts';

/** Delayed events of one page. Each may hold as much as an event. */
const PAGE = 50;

export type DelayedEventStatus = 'scheduled' | 'sent' | 'cancelled' | 'failed';

/** Which delayed events of a user are wanted; times are those at which they were to be sent. */
export interface DelayedEventsWanted {
  readonly userId: string;
  readonly direction: 'forwards' | 'backwards';
  /** What the page before said. */
  readonly from: string | undefined;
  readonly fromTs: number | undefined;
  readonly toTs: number | undefined;
  readonly roomId: string | undefined;
  readonly type: string | undefined;
  readonly statuses: readonly DelayedEventStatus[];
  /** Those alone, where given. */
  readonly delayIds: readonly string[] | undefined;
}

export interface DelayedEventsPage {
  readonly events: readonly DelayedEvent[];
  /** Where the next page begins, if there is more. */
  readonly next: string | undefined;
}

/** A page of them in the order of their send times. Throws M_INVALID_PARAM where `from` is none of ours. */
export async function listDelayedEvents(storage: Storage, wanted: DelayedEventsWanted): Promise<DelayedEventsPage> {
  const { userId, direction, delayIds } = wanted;
  const isForwards = direction === 'forwards';
  const start = isForwards ? { afterTs: -1, afterNid: 0 } : { afterTs: Number.MAX_SAFE_INTEGER, afterNid: 0 };
  const filter = {
    userId,
    fromTs: wanted.fromTs ?? 0,
    toTs: wanted.toTs ?? Number.MAX_SAFE_INTEGER,
    ...(wanted.from === undefined ? start : readPageToken(wanted.from)),
    roomId: wellFormed(wanted.roomId),
    type: wellFormed(wanted.type),
    statuses: wanted.statuses,
    isOfIds: delayIds === undefined ? 0 : 1,
    delayIds: (delayIds ?? []).filter((delayId) => delayId.isWellFormed()),
    limit: PAGE + 1,
  };
  const statement = isForwards ? selectDelayedEventsForwards : selectDelayedEventsBackwards;
  const rows = await storage.read(statement, filter);
  const page = rows.slice(0, PAGE);
  const last = page.at(-1);
  const next = rows.length > PAGE && last !== undefined ? pageTokenOf(last) : undefined;
  return { events: page.map(readDelayedEvent), next };
}

function pageTokenOf({ send_ts: sendTs, delayed_nid: nid }: DelayedEventRow): string {
  return `d${sendTs}_${nid}`;
}

function readPageToken(token: string): { afterTs: number; afterNid: number } {
  const [, sendTs, nid] = /^d([0-9]{1,15})_([0-9]{1,15})$/.exec(token) ?? [];
  if (sendTs === undefined || nid === undefined) {
    throw new MatrixError('M_INVALID_PARAM', '"from" must be the "next_batch" of an answer to this request.');
  }
  return { afterTs: Number(sendTs), afterNid: Number(nid) };
}

/** Broken Unicode is in no row, and no database can be asked for it: it is asked for what nothing is called. */
function wellFormed(text: string | undefined): string | null {
  if (text === undefined) return null;
  return text.isWellFormed() ? text : '';
}
