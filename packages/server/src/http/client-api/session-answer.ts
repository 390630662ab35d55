import type { JsonObject } from '@limpet/protocol/json';
import type { Registered } from '../../services/accounts/registration.ts';
import type { DeviceRequest, Session } from '../../services/accounts/sessions.ts';

/** What a client learns of its new session. */
export function sessionAnswer(session: Session): JsonObject {
  const { userId, accessToken, deviceId, refreshing } = session;
  return {
    user_id: userId,
    access_token: accessToken,
    device_id: deviceId,
    ...(refreshing === undefined
      ? {}
      : { refresh_token: refreshing.refreshToken, expires_in_ms: refreshing.expiresInMs }),
  };
}

export function registeredAnswer({ userId, session }: Registered): JsonObject {
  return session === undefined ? { user_id: userId } : sessionAnswer(session);
}

/** What login and registration say alike of the device. */
export function deviceRequestOf(
  body: {
    readonly device_id?: string;
    readonly initial_device_display_name?: string;
    readonly refresh_token?: boolean;
  },
  client: { readonly clientAddress: string; readonly userAgent: string | undefined },
): DeviceRequest {
  return {
    deviceId: body.device_id,
    displayName: body.initial_device_display_name,
    clientAddress: client.clientAddress,
    userAgent: client.userAgent,
    isRefreshable: body.refresh_token === true,
  };
}
