import { ClientEvent, createClient, type MatrixClient, type MatrixEvent, type Room, SyncState } from 'matrix-js-sdk';
import type { SlidingSync } from 'matrix-js-sdk/lib/sliding-sync.js';
import { vi } from 'vitest';
import { type RecordedFetch, recordedFetch } from './recorded-fetch.ts';
import type { RecoveryKey } from './recovery-key.ts';

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

export interface SdkClientOptions {
  /** What the user has written down: the key to what his devices keep on the server for each other. */
  readonly recovery?: RecoveryKey;
  /** Syncs by sliding sync, as this makes it, instead of `/sync`. */
  readonly sliding?: (client: MatrixClient) => SlidingSync;
}

/** Makes an account by the SDK, and starts its first device. */
export async function registerClient(
  baseUrl: string,
  username: string,
  options: SdkClientOptions = {},
): Promise<SdkClient> {
  const network = recordedFetch();
  const guest = createClient({ baseUrl, fetchFn: network.fetch });
  const credentials = await guest.registerRequest({ username, password: passwordOf(username), auth: { type: DUMMY } });
  return startClient({ baseUrl, network, credentials, options });
}

/** Logs in by the SDK, and starts the new device. */
export async function loginClient(
  baseUrl: string,
  username: string,
  options: SdkClientOptions = {},
): Promise<SdkClient> {
  const network = recordedFetch();
  const guest = createClient({ baseUrl, fetchFn: network.fetch });
  const identifier = { type: 'm.id.user', user: username };
  const request = { type: 'm.login.password', identifier, password: passwordOf(username) };
  return startClient({ baseUrl, network, credentials: await guest.loginRequest(request), options });
}

/** Waits until the condition does not throw; gives what it returned. */
export function eventually<T>(condition: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(condition, PATIENCE);
}

const DUMMY = 'm.login.dummy';

export function passwordOf(username: string): string {
  return `password of ${username}`;
}

interface Start {
  readonly baseUrl: string;
  readonly network: RecordedFetch;
  readonly credentials: Credentials;
  readonly options: SdkClientOptions;
}

async function startClient({ baseUrl, network, credentials, options }: Start): Promise<SdkClient> {
  const { user_id: userId, access_token: accessToken, device_id: deviceId } = credentials;
  if (accessToken === undefined || deviceId === undefined) {
    throw new Error(`${userId} got no session`);
  }
  const cryptoCallbacks = options.recovery?.callbacks ?? {};
  const client = createClient({ baseUrl, userId, accessToken, deviceId, fetchFn: network.fetch, cryptoCallbacks });
  await client.initRustCrypto({ useIndexedDB: false });
  const stickyEventsSeen: MatrixEvent[] = [];
  client.on(ClientEvent.Event, (event) => {
    if (event.unstableStickyInfo !== undefined) stickyEventsSeen.push(event);
  });
  const prepared = untilPrepared(client);
  const sliding = options.sliding?.(client);
  await client.startClient({ initialSyncLimit: TIMELINE_LIMIT, ...(sliding && { slidingSync: sliding }) });
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
