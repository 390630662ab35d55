import { sendToDevice } from '@limpet/protocol/endpoints/client/to-device';
import type { Encryption } from '../../services/encryption/encryption.ts';
import { type Route, route } from '../route.ts';

/** Specification: client-server API, "Send-to-Device messaging". */
export function toDeviceRoutes({ encryption }: { readonly encryption: Encryption }): Route[] {
  return [
    route(sendToDevice, async ({ path, body, requester }) => {
      await encryption.sending.send({
        sender: requester,
        type: path.eventType,
        transactionId: path.txnId,
        messages: body.messages,
      });
      return {};
    }),
  ];
}
