import type { JsonObject } from '@limpet/protocol/json';
import type { ReceiptRow } from '../../storage/queries/receipts.ts';

type Content = Record<string, Record<string, Record<string, JsonObject>>>;

/**
 * The content of an `m.receipt` event: event, receipt type, user. It has room for one receipt of a user for an event;
 * where an unthreaded one meets that of a thread, the unthreaded one says more and stands (MSC4102).
 */
export function receiptContent(rows: readonly ReceiptRow[]): JsonObject | undefined {
  if (rows.length === 0) return undefined;
  const content: Content = {};
  for (const row of rows) {
    const users = openIn(openIn(content, row.event_id), row.receipt_type);
    const known = users[row.user_id];
    if (known !== undefined && known.thread_id === undefined) continue;
    users[row.user_id] = row.thread_id === '' ? { ts: row.ts } : { ts: row.ts, thread_id: row.thread_id };
  }
  return content;
}

function openIn<Value>(object: Record<string, Record<string, Value>>, key: string): Record<string, Value> {
  object[key] ??= {};
  return object[key];
}
