import { isLongerThan, MAX_IDENTIFIER_BYTES, type RoomId, type UserId } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { AccountData, AccountDataAddress } from './account-data.ts';
import { Turns } from './turns.ts';

/** Tags that a user may give to one room. */
const MAX_TAGS = 100;

/**
 * The tags that users give to rooms: account data `m.tag` of the room. Specification: client-server API, "Room
 * Tagging".
 */
export class RoomTags {
  readonly #accountData: AccountData;
  readonly #turns = new Turns();

  constructor(accountData: AccountData) {
    this.#accountData = accountData;
  }

  async get(userId: UserId, roomId: RoomId): Promise<JsonObject> {
    const content = await this.#accountData.get(addressOf(userId, roomId));
    return isJsonObject(content?.tags) ? content.tags : {};
  }

  /** Throws M_INVALID_PARAM when the tag's name or `order` cannot be. */
  async set(room: { userId: UserId; roomId: RoomId }, tag: string, content: JsonObject): Promise<void> {
    if (tag === '' || isLongerThan(tag, MAX_IDENTIFIER_BYTES)) {
      throw new MatrixError('M_INVALID_PARAM', `A tag has 1 to ${MAX_IDENTIFIER_BYTES} bytes.`);
    }
    const { order } = content;
    if (order !== undefined && (typeof order !== 'number' || order < 0 || order > 1)) {
      throw new MatrixError('M_INVALID_PARAM', '"order" of a tag must be a number from 0 to 1.');
    }
    await this.#change(room, (tags) => {
      if (!Object.hasOwn(tags, tag) && Object.keys(tags).length >= MAX_TAGS) {
        throw new MatrixError('M_TOO_LARGE', `A room may have ${MAX_TAGS} tags at most.`);
      }
      return { ...tags, [tag]: content };
    });
  }

  /** A tag that the room does not have is passed over. */
  async delete(room: { userId: UserId; roomId: RoomId }, tag: string): Promise<void> {
    await this.#change(room, (tags) => {
      if (!Object.hasOwn(tags, tag)) return undefined;
      const { [tag]: _gone, ...kept } = tags;
      return kept;
    });
  }

  /** Gives a room that has no tags those of another one. */
  async copy(userId: UserId, { from, to }: { from: RoomId; to: RoomId }): Promise<void> {
    const copied = await this.get(userId, from);
    if (Object.keys(copied).length === 0) return;
    await this.#change({ userId, roomId: to }, (tags) => (Object.keys(tags).length === 0 ? copied : undefined));
  }

  async #change(
    { userId, roomId }: { userId: UserId; roomId: RoomId },
    change: (tags: JsonObject) => JsonObject | undefined,
  ): Promise<void> {
    await this.#turns.run(`${userId}\0${roomId}`, async () => {
      const tags = change(await this.get(userId, roomId));
      if (tags !== undefined) await this.#accountData.set(addressOf(userId, roomId), { tags });
    });
  }
}

function addressOf(userId: UserId, roomId: RoomId): AccountDataAddress {
  return { userId, roomId, type: 'm.tag' };
}
