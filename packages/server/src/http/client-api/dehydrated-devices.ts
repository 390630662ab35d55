import {
  deleteDehydratedDevice,
  getDehydratedDevice,
  getDehydratedEvents,
  putDehydratedDevice,
  readDehydratedEvents,
} from '@limpet/protocol/endpoints/client/dehydrated-device';
import type { DehydratedEvents } from '../../services/encryption/dehydrated-devices.ts';
import type { Encryption } from '../../services/encryption/encryption.ts';
import { jsonOfMembers, type RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';

/** MSC3814, "Dehydrated Devices with SSSS". */
export function dehydratedDeviceRoutes({ encryption }: { readonly encryption: Encryption }): Route[] {
  const { dehydratedDevices } = encryption;
  return [
    route(putDehydratedDevice, async ({ body, requester }) => {
      await dehydratedDevices.put(requester.userId, {
        deviceId: body.device_id,
        data: body.device_data,
        displayName: body.initial_device_display_name,
        deviceKeys: body.device_keys,
        oneTimeKeys: body.one_time_keys ?? {},
        fallbackKeys: body.fallback_keys ?? {},
      });
      return { device_id: body.device_id };
    }),
    route(getDehydratedDevice, async ({ requester }) => {
      const { deviceId, data } = await dehydratedDevices.get(requester.userId);
      return { device_id: deviceId, device_data: data };
    }),
    route(deleteDehydratedDevice, async ({ requester }) => ({
      device_id: await dehydratedDevices.delete(requester.userId),
    })),
    route(getDehydratedEvents, async ({ path, query, requester }) => {
      const { from, limit } = query;
      const found = await dehydratedDevices.events(requester.userId, path.deviceId, { from, limit });
      return eventsAnswer(found, found.isMore);
    }),
    route(readDehydratedEvents, async ({ path, body, requester }) => {
      const page = { from: body.next_batch, limit: undefined };
      return eventsAnswer(await dehydratedDevices.events(requester.userId, path.deviceId, page), true);
    }),
  ];
}

function eventsAnswer({ texts, nextBatch }: DehydratedEvents, hasNext: boolean): RawJson {
  return jsonOfMembers([
    ['events', `[${texts.join(',')}]`],
    ['next_batch', hasNext ? JSON.stringify(nextBatch) : undefined],
  ]);
}
