import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { deviceKeys, namedKeys } from './device-keys-schema.ts';
import { anyJsonObject } from './json-object-schema.ts';

const DEVICE = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device';
const EVENTS = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{deviceId}/events';

const itsId = Type.Object({ device_id: Type.String() });
const events = Type.Object({ events: Type.Array(anyJsonObject), next_batch: Type.Optional(Type.String()) });

/** MSC3814, "Dehydrated Devices with SSSS". */
export const putDehydratedDevice = defineEndpoint({
  method: 'PUT',
  path: DEVICE,
  authentication: 'access token',
  summary: 'Leave a device behind that keys can be sent to',
  body: Type.Object({
    device_id: Type.String(),
    device_data: Type.Object({ algorithm: Type.String() }),
    initial_device_display_name: Type.Optional(Type.String()),
    device_keys: deviceKeys,
    one_time_keys: namedKeys,
    fallback_keys: namedKeys,
  }),
  response: itsId,
});

export const getDehydratedDevice = defineEndpoint({
  method: 'GET',
  path: DEVICE,
  authentication: 'access token',
  summary: 'The dehydrated device of the user',
  response: Type.Object({ device_id: Type.String(), device_data: anyJsonObject }),
});

export const deleteDehydratedDevice = defineEndpoint({
  method: 'DELETE',
  path: DEVICE,
  authentication: 'access token',
  summary: 'Delete the dehydrated device',
  response: itsId,
});

/** Without `next_batch` there is no more. */
export const getDehydratedEvents = defineEndpoint({
  method: 'GET',
  path: EVENTS,
  authentication: 'access token',
  summary: 'Messages for the dehydrated device',
  query: Type.Object({ from: Type.Optional(Type.String()), limit: Type.Optional(Type.Integer({ minimum: 1 })) }),
  response: events,
});

/** The older form: there is always a `next_batch`, and no more once there are no events. */
export const readDehydratedEvents = defineEndpoint({
  method: 'POST',
  path: EVENTS,
  authentication: 'access token',
  summary: 'Messages for the dehydrated device, as older clients ask',
  body: Type.Object({ next_batch: Type.Optional(Type.String()) }),
  response: events,
});
