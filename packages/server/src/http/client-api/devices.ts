import {
  deleteDevice,
  deleteDevices,
  getDevice,
  getDevices,
  updateDevice,
} from '@limpet/protocol/endpoints/client/devices';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Device } from '../../services/accounts/devices.ts';
import { PROTECTED_BODY_LIMIT_BYTES } from '../../services/accounts/user-interactive-authentication.ts';
import { HttpAnswer } from '../http-answer.ts';
import { type EndpointRequest, type HandlerResult, type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { authorizeByPassword } from './password-protection.ts';

const PROTECTED = { bodyLimitBytes: PROTECTED_BODY_LIMIT_BYTES };

/** Specification: client-server API, "Device Management". */
export function deviceRoutes(services: AccountServices): Route[] {
  const { devices } = services.accounts;
  return [
    route(getDevices, async ({ requester }) => ({
      devices: (await devices.list(requester.userId)).map(deviceAnswer),
    })),
    route(getDevice, async ({ path, requester }) => deviceAnswer(await devices.get(requester.userId, path.deviceId))),
    route(updateDevice, async ({ path, body, requester }) => {
      const { display_name: displayName } = body;
      if (displayName === undefined) await devices.get(requester.userId, path.deviceId);
      else await devices.rename(requester.userId, path.deviceId, displayName);
      return {};
    }),
    route(deleteDevice, (request) => endSession(services, request), PROTECTED),
    route(deleteDevices, (request) => endSessions(services, request), PROTECTED),
  ];
}

async function endSession(
  services: AccountServices,
  request: EndpointRequest<typeof deleteDevice>,
): Promise<HandlerResult> {
  const { deviceId } = request.path;
  const authorization = await authorizeByPassword(services, request, {
    name: `devices/${deviceId}`,
    purpose: `log out the device ${deviceId}`,
  });
  if (!authorization.isAuthorized) return new HttpAnswer(401, authorization.challenge);
  await services.accounts.sessions.close(request.requester.userId, [deviceId]);
  return {};
}

async function endSessions(
  services: AccountServices,
  request: EndpointRequest<typeof deleteDevices>,
): Promise<HandlerResult> {
  const authorization = await authorizeByPassword(services, request, {
    name: 'delete_devices',
    purpose: 'log out devices of yours',
    validate: ({ devices }) => void needed(devices),
  });
  if (!authorization.isAuthorized) return new HttpAnswer(401, authorization.challenge);
  await services.accounts.sessions.close(request.requester.userId, needed(authorization.parameters.devices));
  return {};
}

function needed(devices: readonly string[] | undefined): readonly string[] {
  if (devices !== undefined) return devices;
  throw new MatrixError('M_MISSING_PARAM', 'The body needs "devices".');
}

function deviceAnswer({ deviceId, displayName, lastSeenTs, lastSeenIp }: Device): JsonObject {
  return {
    device_id: deviceId,
    ...(displayName === undefined ? {} : { display_name: displayName }),
    ...(lastSeenTs === undefined ? {} : { last_seen_ts: lastSeenTs }),
    ...(lastSeenIp === undefined ? {} : { last_seen_ip: lastSeenIp }),
  };
}
