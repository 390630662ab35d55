import type { JsonObject } from '@limpet/protocol/json';
import { assertEqual } from '../assert-equal.ts';
import { createDeviceKeys } from '../device-keys.ts';
import type { InteropUser } from '../interop-user.ts';
import { sharedRoom } from '../room-actions.ts';
import type { Story } from '../story.ts';
import { objectOf } from '../sync-view.ts';

/** What end-to-end encryption needs of servers. */
export const DEVICE_STORIES: readonly Story[] = [
  {
    name: 'encrypted to-device messages',
    versions: 'newest',
    async tell(world) {
      const { owner, guest } = await sharedRoom(world);
      for (const [sender, receiver] of [
        [owner, guest],
        [guest, owner],
      ] as const) {
        const keys = await uploadKeys(receiver);
        await sender.eventually(
          'the keys of the other',
          async () => JSON.stringify((await queriedDevice(sender, receiver))?.keys) === JSON.stringify(keys.keys),
        );
        const { deviceId } = receiver.session;
        const claim = { one_time_keys: { [receiver.userId]: { [deviceId]: 'signed_curve25519' } } };
        const claimed = await sender.v3('POST', '/keys/claim', claim);
        const ofDevice = objectOf(objectOf(objectOf(claimed.one_time_keys)[receiver.userId])[deviceId]);
        assertEqual('how many keys were claimed', Object.keys(ofDevice).length, 1);
        assertEqual('kind of the claimed key', Object.keys(ofDevice)[0]?.split(':')[0], 'signed_curve25519');
        for (let count = 0; count < 3; count++) {
          const content = { algorithm: 'm.olm.v1.curve25519-aes-sha2', ciphertext: { number: count } };
          const body = { messages: { [receiver.userId]: { [count === 2 ? '*' : deviceId]: content } } };
          await sender.v3('PUT', `/sendToDevice/m.room.encrypted/${sender.transactionId()}`, body);
        }
        const messages = await receiver.until('three messages to the device', ({ toDevice }) => {
          const encrypted = toDevice.filter(({ type }) => type === 'm.room.encrypted');
          return encrypted.length >= 3 && encrypted;
        });
        assertEqual('their senders', [...new Set(messages.map((message) => message.sender))], [sender.userId]);
        assertEqual(
          'their order',
          messages.map(({ content }) => objectOf(objectOf(content).ciphertext).number),
          [0, 1, 2],
        );
      }
    },
  },
  {
    name: 'device lists',
    versions: 'newest',
    async tell(world) {
      const { owner, guest } = await sharedRoom(world);
      for (const [watcher, changer] of [
        [owner, guest],
        [guest, owner],
      ] as const) {
        await watcher.sync();
        watcher.view.changedDevices.clear();
        await uploadKeys(changer);
        await changedDevices(watcher, changer, 'keys of a device');
        await watcher.eventually('the device', () => queriedDevice(watcher, changer));
        const second = await changer.logIn();
        await uploadKeys(second);
        await changedDevices(watcher, changer, 'a second device');
        await watcher.eventually('the second device', () => queriedDevice(watcher, second));
        watcher.view.changedDevices.clear();
        await second.v3('POST', '/logout', {});
        await changedDevices(watcher, changer, 'the end of the second device');
        await watcher.eventually(
          'the second device is gone',
          async () => (await queriedDevice(watcher, second)) === undefined,
        );
      }
    },
  },
];

async function changedDevices(watcher: InteropUser, changer: InteropUser, what: string): Promise<void> {
  await watcher.until(`that devices changed: ${what}`, (view) => view.changedDevices.has(changer.userId));
  watcher.view.changedDevices.clear();
}

async function uploadKeys(user: InteropUser): Promise<JsonObject> {
  const { deviceKeys, oneTimeKeys } = createDeviceKeys(user.userId, user.session.deviceId);
  await user.v3('POST', '/keys/upload', { device_keys: deviceKeys, one_time_keys: oneTimeKeys });
  return deviceKeys;
}

async function queriedDevice(asking: InteropUser, { userId, session }: InteropUser): Promise<JsonObject | undefined> {
  const answer = await asking.v3('POST', '/keys/query', { device_keys: { [userId]: [] } });
  return objectOf(objectOf(answer.device_keys)[userId])[session.deviceId] as JsonObject | undefined;
}
