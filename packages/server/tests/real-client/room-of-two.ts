import { EventType, KnownMembership, Preset } from 'matrix-js-sdk';
import { expect } from 'vitest';
import { eventually, type SdkClient } from './sdk-client.ts';

/** A private room that the guest was invited to and joined, by the SDK on both sides. */
export async function createRoomOfTwo(creator: SdkClient, guest: SdkClient, isEncrypted: boolean): Promise<string> {
  const encryption = { type: EventType.RoomEncryption, state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } };
  const { room_id: roomId } = await creator.client.createRoom({
    preset: Preset.PrivateChat,
    invite: [guest.userId],
    initial_state: isEncrypted ? [encryption] : [],
  });
  await eventually(() => expect(guest.room(roomId).getMyMembership()).toBe(KnownMembership.Invite));
  await guest.client.joinRoom(roomId);
  await eventually(() => expect(creator.room(roomId).getJoinedMemberCount()).toBe(2));
  return roomId;
}
