import { isLongerThan, MAX_IDENTIFIER_BYTES, type RoomId, type UserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { createCache } from '../../cache/create-cache.ts';
import {
  type AccountDataRow,
  countAccountData,
  selectAccountData,
  selectAccountDataBetween,
  selectAccountDataInRooms,
  selectAccountDataOfTypes,
  selectAllAccountData,
  upsertAccountData,
} from '../../storage/queries/account-data.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';
import { hasSeen, type StreamRange, type StreamVector } from '../../storage/stream.ts';
import type { AccountDataItem, AccountDataReader } from './account-data-reader.ts';
import { IGNORED_USERS_TYPE, NOBODY_IGNORED, readIgnoredUsers } from './ignored-users.ts';
import { INVITE_PERMISSION_TYPES, isBlockingInvites } from './invite-permission.ts';
import { Turns } from './turns.ts';

/** Users whose ignore list is kept in memory. */
const MAX_CACHED_IGNORE_LISTS = 10_000;
/** Largest content of one type, in characters of JSON: a client gets all of them at its first sync. */
const MAX_CONTENT_LENGTH = 262_144;
/** Pieces that one user may keep, global ones and those of rooms together; a room has two or three as a rule. */
const MAX_PIECES_OF_A_USER = 10_000;

/** Kept by the server itself: clients change them by endpoints of their own. */
const SERVER_CONTROLLED_TYPES = new Set(['m.fully_read', 'm.push_rules']);

/** One piece of account data; `roomId` is undefined for global account data. */
export interface AccountDataAddress {
  readonly userId: UserId;
  readonly roomId: RoomId | undefined;
  readonly type: string;
}

/** What users keep for themselves, of all rooms or of one. Specification: client-server API, "Client Config". */
export class AccountData implements AccountDataReader {
  readonly #storage: Storage;
  readonly #ignored = createCache<string, ReadonlySet<string>>(MAX_CACHED_IGNORE_LISTS);
  /** Of one piece: what a client sets does not come in between what the server reads and writes. */
  readonly #turns = new Turns();
  /** Counts the changed ignore lists: what was read before a change is not kept. */
  #ignoreChanges = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
    storage.stream.follow((changes) => {
      for (const change of changes) {
        if (change.kind !== 'account-data' || change.type !== IGNORED_USERS_TYPE) continue;
        this.#ignoreChanges++;
        this.#ignored.delete(change.userId);
      }
    });
  }

  /** The content as text; `undefined` when there is none. */
  async json({ userId, roomId, type }: AccountDataAddress): Promise<string | undefined> {
    const [row] = await this.#storage.read(selectAccountData, { userId, roomId: roomId ?? '', type });
    return row?.content_json;
  }

  async get(address: AccountDataAddress): Promise<JsonObject | undefined> {
    const json = await this.json(address);
    return json === undefined ? undefined : JSON.parse(json);
  }

  /** As a client sets it. Throws M_BAD_JSON (405) for types of the server, M_INVALID_PARAM and M_TOO_LARGE. */
  async set(address: AccountDataAddress, content: JsonObject): Promise<void> {
    await this.#replace(address, () => content);
  }

  /** Sets what comes of the content that is there; `undefined` where nothing is to change. Throws as `set`. */
  async change(
    address: AccountDataAddress,
    change: (content: JsonObject | undefined) => JsonObject | undefined,
  ): Promise<void> {
    await this.#replace(address, (json) => change(json === undefined ? undefined : JSON.parse(json)));
  }

  async #replace(
    address: AccountDataAddress,
    contentAfter: (json: string | undefined) => JsonObject | undefined,
  ): Promise<void> {
    if (SERVER_CONTROLLED_TYPES.has(address.type)) {
      const text = `"${address.type}" is kept by the server. It has an endpoint of its own.`;
      throw new MatrixError('M_BAD_JSON', text, { status: 405 });
    }
    if (isLongerThan(address.type, MAX_IDENTIFIER_BYTES)) {
      throw new MatrixError('M_INVALID_PARAM', `The type may have ${MAX_IDENTIFIER_BYTES} bytes at most.`);
    }
    const { userId, roomId = '', type } = address;
    await this.#turns.run(JSON.stringify([userId, roomId, type]), async () => {
      const before = await this.json(address);
      const content = contentAfter(before);
      if (content === undefined) return;
      const contentJson = JSON.stringify(content);
      if (contentJson.length > MAX_CONTENT_LENGTH) {
        throw new MatrixError('M_TOO_LARGE', `Account data may have ${MAX_CONTENT_LENGTH} characters of JSON at most.`);
      }
      if (before === undefined) await this.#checkCount(userId);
      await this.#storage.write((transaction) => writeAccountData(transaction, address, contentJson));
    });
  }

  async #checkCount(userId: UserId): Promise<void> {
    const [row] = await this.#storage.read(countAccountData, { userId });
    if ((row?.count ?? 0) < MAX_PIECES_OF_A_USER) return;
    throw new MatrixError(
      'M_TOO_LARGE',
      `You may keep ${MAX_PIECES_OF_A_USER} pieces of account data, and have as many.`,
    );
  }

  async changed(userId: string, ranges: readonly StreamRange[] | undefined): Promise<readonly AccountDataItem[]> {
    const pages =
      ranges === undefined
        ? [await this.#storage.read(selectAllAccountData, { userId })]
        : await Promise.all(ranges.map((range) => this.#storage.read(selectAccountDataBetween, { userId, ...range })));
    return pages.flat().map(itemOf);
  }

  async global(userId: string): Promise<readonly AccountDataItem[]> {
    return (await this.#storage.read(selectAccountDataInRooms, { userId, roomIds: [''] })).map(itemOf);
  }

  async inRooms(
    userId: string,
    rooms: ReadonlyMap<string, StreamVector | undefined>,
  ): Promise<readonly AccountDataItem[]> {
    if (rooms.size === 0) return [];
    const rows = await this.#storage.read(selectAccountDataInRooms, { userId, roomIds: [...rooms.keys()] });
    return rows
      .filter((row) => {
        const since = rooms.get(row.room_id);
        return since === undefined || !hasSeen(since, row);
      })
      .map(itemOf);
  }

  async blocksInvites(userId: string): Promise<boolean> {
    const types = INVITE_PERMISSION_TYPES;
    const rows = await this.#storage.read(selectAccountDataOfTypes, { userId, roomId: '', types });
    return rows.some((row) => isBlockingInvites(JSON.parse(row.content_json)));
  }

  async ignoredUsers(userId: string): Promise<ReadonlySet<string>> {
    const known = this.#ignored.get(userId);
    if (known !== undefined) return known;
    const changes = this.#ignoreChanges;
    const [row] = await this.#storage.read(selectAccountData, { userId, roomId: '', type: IGNORED_USERS_TYPE });
    const ignored = row === undefined ? NOBODY_IGNORED : readIgnoredUsers(JSON.parse(row.content_json), userId);
    if (changes === this.#ignoreChanges) this.#ignored.set(userId, ignored);
    return ignored;
  }
}

/** Writes account data and publishes it; for the server's own types too. */
export function writeAccountData(
  transaction: WriteTransaction,
  { userId, roomId, type }: { userId: string; roomId: string | undefined; type: string },
  contentJson: string,
): void {
  const position = transaction.publish({ kind: 'account-data', userId, roomId, type });
  const place = { writer: transaction.writer, position };
  transaction.run(upsertAccountData, { userId, roomId: roomId ?? '', type, contentJson, ...place });
}

function itemOf(row: AccountDataRow): AccountDataItem {
  return { roomId: row.room_id === '' ? undefined : row.room_id, type: row.type, contentJson: row.content_json };
}
