import { ClientEvent, createClient, type MatrixClient, type ReceivedToDeviceMessage, SyncState } from 'matrix-js-sdk';
import { embedCall } from './embed-call.ts';

/**
 * The page that the story opens for each participant: a client as small as can be, that is, matrix-js-sdk with
 * encryption and Element Call as a widget. Who signs in where stands in the part of the address behind `#`. There is a
 * button for each room that its user is in; pressing it joins the room's call.
 */
async function startPage(): Promise<void> {
  const address = new URLSearchParams(location.hash.slice(1));
  const client = await signIn(named(address, 'homeserver'), named(address, 'user'), named(address, 'password'));
  document.body.append(element('h1', `Signed in as ${client.getSafeUserId()}`));
  client.on(ClientEvent.ReceivedToDeviceMessage, showMessage);
  for (const room of client.getRooms()) {
    const button = element('button', `Join the call in ${room.name}`);
    button.addEventListener('click', () => embedCall(client, room));
    document.body.append(button);
  }
}

async function signIn(baseUrl: string, user: string, password: string): Promise<MatrixClient> {
  const { user_id, access_token, device_id } = await createClient({ baseUrl }).loginRequest({
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user },
    password,
  });
  const client = createClient({ baseUrl, userId: user_id, accessToken: access_token, deviceId: device_id });
  await client.initRustCrypto({ useIndexedDB: false });
  const prepared = new Promise<void>((resolve) => {
    client.on(ClientEvent.Sync, (state) => {
      if (state === SyncState.Prepared) resolve();
    });
  });
  await client.startClient();
  await prepared;
  return client;
}

function named(address: URLSearchParams, name: string): string {
  const value = address.get(name);
  if (value === null) throw new Error(`The address of the page names no ${name}`);
  return value;
}

/** Writes on the page what came from device to device, for the story to see that media keys did. */
function showMessage({ message, encryptionInfo }: ReceivedToDeviceMessage): void {
  const protection = encryptionInfo === null ? 'Plain' : 'Encrypted';
  document.body.append(element('li', `${protection} ${message.type} from ${message.sender}`));
}

function element(tag: string, text: string): HTMLElement {
  const created = document.createElement(tag);
  created.textContent = text;
  return created;
}

await startPage();
