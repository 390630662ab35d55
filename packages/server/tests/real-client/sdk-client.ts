import { ClientEvent, createClient, type MatrixClient, type MatrixEvent, type Room, SyncState } from 'matrix-js-sdk';
import { vi } from 'vitest';
import { type RecordedFetch, recordedFetch } from './recorded-fetch.ts';

/** Events of a room that one sync brings at most: fewer than what the stories send while a client is away. */
export const TIMELINE_LIMIT = 10;

/** How long a story waits for what has to come over the network. Not how long it takes. */
const PATIENCE = { timeout: 15_000, interval: 20 };

/** A device of a user: matrix-js-sdk as an application uses it, with encryption, keeping everything in memory. */
export interface SdkClient {
  readonly client: MatrixClient;
  readonly userId: string;
  readonly deviceId: string;
  readonly network: RecordedFetch;
  /** Sticky events in the order in which the SDK told of them, decrypted or not. */
  readonly stickyEventsSeen: readonly MatrixEvent[];
  /** The room as the SDK knows it; throws when it does not. */
  room(roomId: string): Room;
  /** Takes the device off the network. */
  goAway(): void;
  /** Puts it back, or reconnects it to a server that was away, and waits until the SDK syncs from where it was. */
  comeBack(): Promise<void>;
  stop(): void;
}

interface Credentials {
  readonly user_id: string;
  readonly access_token?: string;
  readonly device_id?: string;
}

/** Makes an account by the SDK, and starts its first device. */
export async function registerClient(baseUrl: string, username: string): Promise<SdkClient> {
  const network = recordedFetch();
  const guest = createClient({ baseUrl, fetchFn: network.fetch });
  const password = passwordOf(username);
  return startClient(baseUrl, network, await guest.registerRequest({ username, password, auth: { type: DUMMY } }));
}

/** Logs in by the SDK, and starts the new device. */
export async function loginClient(baseUrl: string, username: string): Promise<SdkClient> {
  const network = recordedFetch();
  const guest = createClient({ baseUrl, fetchFn: network.fetch });
  const identifier = { type: 'm.id.user', user: username };
  const request = { type: 'm.login.password', identifier, password: passwordOf(username) };
  return startClient(baseUrl, network, await guest.loginRequest(request));
}

/** Waits until the condition does not throw; gives what it returned. */
export function eventually<T>(condition: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(condition, PATIENCE);
}

const DUMMY = 'm.login.dummy';

function passwordOf(username: string): string {
  return `password of ${username}`;
}

async function startClient(baseUrl: string, network: RecordedFetch, credentials: Credentials): Promise<SdkClient> {
  const { user_id: userId, access_token: accessToken, device_id: deviceId } = credentials;
  if (accessToken === undefined || deviceId === undefined) {
    throw new Error(`${userId} got no session`);
  }
  const client = createClient({ baseUrl, userId, accessToken, deviceId, fetchFn: network.fetch });
  await client.initRustCrypto({ useIndexedDB: false });
  const stickyEventsSeen: MatrixEvent[] = [];
  client.on(ClientEvent.Event, (event) => {
    if (event.unstableStickyInfo !== undefined) stickyEventsSeen.push(event);
  });
  const prepared = untilPrepared(client);
  await client.startClient({ initialSyncLimit: TIMELINE_LIMIT });
  await prepared;

  return {
    client,
    userId,
    deviceId,
    network,
    stickyEventsSeen,
    room: (roomId) => knownRoom(client, roomId),
    goAway: () => network.disconnect(),
    async comeBack() {
      network.connect();
      client.retryImmediately();
      await eventually(() => {
        if (client.getSyncState() !== SyncState.Syncing) throw new Error(`${userId} does not sync yet`);
      });
    },
    stop: () => client.stopClient(),
  };
}

function knownRoom(client: MatrixClient, roomId: string): Room {
  const room = client.getRoom(roomId);
  if (room === null) {
    throw new Error(`${client.getUserId()} does not know ${roomId}`);
  }
  return room;
}

function untilPrepared(client: MatrixClient): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once(ClientEvent.Sync, (state) => {
      if (state === SyncState.Prepared) resolve();
      else reject(new Error(`the first sync of ${client.getUserId()} ended as ${state}`));
    });
  });
}
