import type { JsonObject } from '@limpet/protocol/json';
import type { Registered } from '../../services/accounts/registration.ts';
import type { DeviceRequest, Session } from '../../services/accounts/sessions.ts';

/** What a client learns of its new session. */
export function sessionAnswer(session: Session): JsonObject {
  return { user_id: session.userId, access_token: session.accessToken, device_id: session.deviceId };
}

export function registeredAnswer({ userId, session }: Registered): JsonObject {
  return session === undefined ? { user_id: userId } : sessionAnswer(session);
}

/** What login and registration say alike of the device. */
export function deviceRequestOf(
  body: { readonly device_id?: string; readonly initial_device_display_name?: string },
  clientAddress: string,
): DeviceRequest {
  return { deviceId: body.device_id, displayName: body.initial_device_display_name, clientAddress };
}
