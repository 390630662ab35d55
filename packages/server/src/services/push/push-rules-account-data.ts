import type { StreamRange, StreamVector } from '../../storage/stream.ts';
import type { AccountDataItem, AccountDataReader } from '../accounts/account-data-reader.ts';
import { PUSH_RULES_TYPE, type PushRules } from './push-rules.ts';

/**
 * Account data with the push rules as clients know them. What is kept of them is only what the user changed, so the
 * item is made anew each time; a first sync has it even where the user never changed anything.
 */
export class PushRulesAccountData implements AccountDataReader {
  readonly #accountData: AccountDataReader;
  readonly #pushRules: PushRules;

  constructor(accountData: AccountDataReader, pushRules: PushRules) {
    this.#accountData = accountData;
    this.#pushRules = pushRules;
  }

  async changed(userId: string, ranges: readonly StreamRange[] | undefined): Promise<readonly AccountDataItem[]> {
    const items = await this.#accountData.changed(userId, ranges);
    const others = items.filter((item) => !isPushRules(item));
    if (ranges !== undefined && others.length === items.length) return items;
    return [...others, await this.#pushRulesOf(userId)];
  }

  async global(userId: string): Promise<readonly AccountDataItem[]> {
    const items = await this.#accountData.global(userId);
    return [...items.filter((item) => !isPushRules(item)), await this.#pushRulesOf(userId)];
  }

  inRooms(userId: string, rooms: ReadonlyMap<string, StreamVector | undefined>): Promise<readonly AccountDataItem[]> {
    return this.#accountData.inRooms(userId, rooms);
  }

  ignoredUsers(userId: string): Promise<ReadonlySet<string>> {
    return this.#accountData.ignoredUsers(userId);
  }

  async #pushRulesOf(userId: string): Promise<AccountDataItem> {
    const contentJson = JSON.stringify({ global: await this.#pushRules.ruleset(userId) });
    return { roomId: undefined, type: PUSH_RULES_TYPE, contentJson };
  }

  blocksInvites(userId: string): Promise<boolean> {
    return this.#accountData.blocksInvites(userId);
  }
}

function isPushRules(item: AccountDataItem): boolean {
  return item.roomId === undefined && item.type === PUSH_RULES_TYPE;
}
