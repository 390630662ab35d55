import { sendTransaction } from '@limpet/protocol/endpoints/federation/transactions';
import type { JsonValue } from '@limpet/protocol/json';
import type { IncomingTransactions } from '../../services/federation-inbound/incoming-transactions.ts';
import { type Route, route } from '../route.ts';

/** 50 events of the largest size with their escapes, and 100 EDUs as large as servers make them. */
const MAX_TRANSACTION_BYTES = 16 * 1024 * 1024;

/** Specification: server-server API, "Transactions". */
export function transactionRoutes({ transactions }: { readonly transactions: IncomingTransactions }): Route[] {
  return [
    route(
      sendTransaction,
      async ({ requester, path, body }) => {
        const { origin, pdus, edus = [] } = body;
        const read = { origin, pdus: pdus as JsonValue[], edus: edus as JsonValue[] };
        return { pdus: await transactions.take(requester.serverName, path.txnId, read) };
      },
      { bodyLimitBytes: MAX_TRANSACTION_BYTES },
    ),
  ];
}
