import type { SdkClient } from './sdk-client.ts';

/** Texts of the messages in the timeline that the SDK keeps; `undefined` for what is no message, or not decrypted. */
export function messageBodies(device: SdkClient, roomId: string): unknown[] {
  const events = device.room(roomId).getLiveTimeline().getEvents();
  return events.map((event) => (event.isDecryptionFailure() ? undefined : event.getContent().body));
}
