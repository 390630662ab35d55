import type { KeyObject } from 'node:crypto';
import { asServerName } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import type { LRUCache } from 'lru-cache';
import { createCache } from '../../cache/create-cache.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import { type ServerKeysRow, selectServerKeys, upsertServerKeys } from '../../storage/queries/server-keys.ts';
import type { Storage } from '../../storage/storage.ts';
import type { KeyFetcher } from './key-fetcher.ts';
import { KnownServerKeys, keysFromJson, NO_SERVER_KEYS } from './known-server-keys.ts';
import type { OwnKeys } from './own-keys.ts';
import type { ServerKeys, WantedKey } from './remote-servers.ts';

/** Servers whose keys stand in memory. */
const MAX_SERVERS_IN_MEMORY = 5_000;
/** Servers whose keys are read at once. */
const MAX_NAMES_PER_READ = 500;
/** Who wants keys of many servers, some of which do not answer, goes on without those after this time. */
const MAX_WAIT_MS = 60_000;

export interface RemoteServerKeysParts {
  readonly serverName: string;
  readonly storage: Storage;
  readonly platform: Platform;
  readonly ownKeys: OwnKeys;
  readonly fetcher: KeyFetcher;
}

/** Keys from memory, then from the database, then from the servers themselves; what was fetched is kept for good. */
export class RemoteServerKeys implements ServerKeys {
  readonly #parts: RemoteServerKeysParts;
  readonly #known: LRUCache<string, KnownServerKeys> = createCache(MAX_SERVERS_IN_MEMORY);
  readonly #fetching = new Map<string, Promise<KnownServerKeys>>();

  constructor(parts: RemoteServerKeysParts) {
    this.#parts = parts;
  }

  async find(wanted: readonly WantedKey[]): Promise<readonly (KeyObject | undefined)[]> {
    const found = wanted.map((one) => this.#inMemory(one));
    this.#refreshAhead(wanted);
    const missing = this.#missingByServer(wanted, found);
    if (missing.size === 0) {
      return found;
    }
    const loaded = await this.#load([...missing.keys()]);
    const looking = [...missing].map(async ([serverName, asked]) => {
      const keys = await this.#sufficient(serverName, asked, this.#newest(serverName, loaded));
      const nowMs = this.#parts.platform.clock.nowMs();
      for (const { index, ...one } of asked) found[index] = keys.find(one, nowMs);
    });
    await this.#forSomeTime(Promise.all(looking));
    // A copy: what comes later is for the next who asks.
    return [...found];
  }

  /** The newest answer of a server, as it signed it, where it can be had: for who passes it on. */
  async newestResponse(serverName: string, minimumValidUntilTs: number): Promise<JsonObject | undefined> {
    if (asServerName(serverName) === undefined) {
      return undefined;
    }
    const known = this.#newest(serverName, await this.#load([serverName]));
    const newest = known.saidValidUntilTs() >= minimumValidUntilTs ? known : await this.#refresh(serverName, known);
    return newest === NO_SERVER_KEYS ? undefined : (JSON.parse(newest.responseJson) as JsonObject);
  }

  async #forSomeTime(work: Promise<unknown>): Promise<void> {
    let timer: Timer | undefined;
    const timeIsUp = new Promise<void>((resolve) => {
      timer = this.#parts.platform.timers.after(MAX_WAIT_MS, resolve);
    });
    try {
      await Promise.race([work, timeIsUp]);
    } finally {
      timer?.cancel();
    }
  }

  /** Keys that end before long are asked for while the old ones still hold: nobody waits for it, and it may fail. */
  #refreshAhead(wanted: readonly WantedKey[]): void {
    for (const { serverName, validAt } of wanted) {
      const known = validAt === 'now' ? this.#known.get(serverName) : undefined;
      if (known?.isHalfOver(this.#parts.platform.clock.nowMs())) {
        this.#refresh(serverName, known).catch((error) => {
          this.#parts.platform.log.warn('Keys of a server could not be kept', { serverName, error });
        });
      }
    }
  }

  /** What is known where that is enough for what is asked, else what the server says now. */
  #sufficient(serverName: string, asked: readonly AskedKey[], known: KnownServerKeys): Promise<KnownServerKeys> {
    const nowMs = this.#parts.platform.clock.nowMs();
    const isEnough = asked.every((one) => known.find(one, nowMs) !== undefined);
    return isEnough ? Promise.resolve(known) : this.#refresh(serverName, known);
  }

  /** Of others alone, and of names that can be names. */
  #missingByServer(wanted: readonly WantedKey[], found: readonly (KeyObject | undefined)[]): Map<string, AskedKey[]> {
    const missing = new Map<string, AskedKey[]>();
    for (const [index, one] of wanted.entries()) {
      const { serverName } = one;
      const isElsewhere = serverName !== this.#parts.serverName && asServerName(serverName) !== undefined;
      if (found[index] !== undefined || !isElsewhere) continue;
      const ofServer = missing.get(serverName) ?? [];
      missing.set(serverName, ofServer);
      ofServer.push({ ...one, index });
    }
    return missing;
  }

  #inMemory(wanted: WantedKey): KeyObject | undefined {
    const { ownKeys, serverName, platform } = this.#parts;
    if (wanted.serverName === serverName) {
      return ownKeys.find(wanted);
    }
    return this.#known.get(wanted.serverName)?.find(wanted, platform.clock.nowMs());
  }

  async #load(serverNames: readonly string[]): Promise<Map<string, KnownServerKeys>> {
    const loaded = new Map<string, KnownServerKeys>();
    const unread = serverNames.filter((serverName) => {
      const known = this.#known.get(serverName);
      if (known !== undefined) loaded.set(serverName, known);
      return known === undefined;
    });
    for (let from = 0; from < unread.length; from += MAX_NAMES_PER_READ) {
      const names = unread.slice(from, from + MAX_NAMES_PER_READ);
      for (const row of await this.#parts.storage.read(selectServerKeys, { serverNames: names })) {
        // What was fetched meanwhile is newer.
        const known = this.#known.get(row.server_name) ?? knownFrom(row);
        loaded.set(row.server_name, known);
        this.#known.set(row.server_name, known);
      }
    }
    return loaded;
  }

  /** What was loaded, unless it was fetched meanwhile: the server would not be asked again so soon. */
  #newest(serverName: string, loaded: ReadonlyMap<string, KnownServerKeys>): KnownServerKeys {
    return this.#known.get(serverName) ?? loaded.get(serverName) ?? NO_SERVER_KEYS;
  }

  /** One request at a time to each server, however many want its keys. */
  #refresh(serverName: string, known: KnownServerKeys): Promise<KnownServerKeys> {
    const running = this.#fetching.get(serverName);
    if (running !== undefined) {
      return running;
    }
    const fetching = this.#fetchAndKeep(serverName, known).finally(() => this.#fetching.delete(serverName));
    this.#fetching.set(serverName, fetching);
    return fetching;
  }

  async #fetchAndKeep(serverName: string, known: KnownServerKeys): Promise<KnownServerKeys> {
    const response = await this.#parts.fetcher.fetchKeys(serverName, known !== NO_SERVER_KEYS);
    if (response === undefined) {
      return known;
    }
    const { storage, platform } = this.#parts;
    const newest = known.with(response, platform.clock.nowMs());
    await storage.write((transaction) => {
      transaction.run(upsertServerKeys, {
        serverName,
        keysJson: newest.toKeysJson(),
        responseJson: newest.responseJson,
        fetchedTs: newest.fetchedTs,
        validUntilTs: newest.validUntilTs,
      });
    });
    this.#known.set(serverName, newest);
    return newest;
  }
}

type AskedKey = WantedKey & { readonly index: number };

function knownFrom(row: ServerKeysRow): KnownServerKeys {
  return new KnownServerKeys({
    keys: keysFromJson(row.keys_json),
    fetchedTs: row.fetched_ts,
    validUntilTs: row.valid_until_ts,
    responseJson: row.response_json,
  });
}
