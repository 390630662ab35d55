import { MatrixError } from '@limpet/protocol/matrix-error';
import { createCache } from '../../cache/create-cache.ts';
import { splitKnown } from '../../cache/split-known.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { selectAccountData } from '../../storage/queries/account-data.ts';
import { selectNotificationSettings } from '../../storage/queries/push-rules.ts';
import type { Storage } from '../../storage/storage.ts';
import { writeAccountData } from '../accounts/account-data.ts';
import { IGNORED_USERS_TYPE, NOBODY_IGNORED, readIgnoredUsers } from '../accounts/ignored-users.ts';
import { Turns } from '../accounts/turns.ts';
import { checkActions, checkPushRule } from './check-push-rule.ts';
import type { DefaultPushRules } from './default-push-rules.ts';
import { type CompiledPushRules, compilePushRules } from './evaluate-push-rules.ts';
import { patternWeight } from './pattern-weight.ts';
import type { PushRule, PushRulesOfUser } from './push-rule.ts';
import {
  hasChanges,
  mergePushRules,
  type NewPushRule,
  NO_CHANGES,
  type PushRuleChanges,
  type PushRuleName,
  readChanges,
  ruleNotFound,
  withoutRule,
  withRule,
  withSettings,
  writeChanges,
} from './push-rule-changes.ts';

/** Users whose compiled rules are kept in memory. */
const MAX_CACHED_USERS = 50_000;
/** All that one user may change of the push rules, as JSON. */
const MAX_CHANGES_BYTES = 131_072;
/**
 * What all patterns of one user may weigh. Each message of each of his rooms is held against them, whoever wrote it, on
 * the way to the disk: a long message may take some ten milliseconds of each such user, and no more.
 */
const MAX_PATTERN_WEIGHT = 250;
/** Users whose settings one statement reads. */
const USERS_PER_READ = 1_000;

export const PUSH_RULES_TYPE = 'm.push_rules';

/** What decides which events notify a user. */
export interface NotificationSettings {
  readonly userId: string;
  /** Whether anything is other than for somebody who never changed anything. */
  readonly isCustom: boolean;
  /** The user's own rules; `undefined` where they are the default ones. */
  readonly rules: CompiledPushRules | undefined;
  /** Whose events never notify. */
  readonly ignoredUsers: ReadonlySet<string>;
}

/** The push rules of local users. Specification: client-server API, "Push Rules: API". */
export class PushRules {
  /** What the server gives to everybody. */
  readonly defaults: DefaultPushRules;
  readonly #storage: Storage;
  readonly #turns = new Turns();
  readonly #cache = createCache<string, NotificationSettings>(MAX_CACHED_USERS);
  /** Of each read under way, the users whose settings changed meanwhile: what was read of them is not kept. */
  readonly #reads = new Set<Set<string>>();

  constructor(storage: Storage, defaults: DefaultPushRules) {
    this.#storage = storage;
    this.defaults = defaults;
    storage.stream.follow((changes) => this.#note(changes));
  }

  /** All rules of the user, default ones and own. A kind that this server has no rules of is not there. */
  async ruleset(userId: string): Promise<PushRulesOfUser> {
    const { postcontent, ...usual } = mergePushRules(await this.#changes(userId), this.defaults.of(userId));
    return postcontent.length === 0 ? usual : { ...usual, postcontent };
  }

  /** @throws MatrixError M_NOT_FOUND */
  async rule({ userId, kind, ruleId }: PushRuleName): Promise<PushRule> {
    const rule = (await this.ruleset(userId))[kind]?.find((one) => one.rule_id === ruleId);
    if (rule === undefined) throw ruleNotFound();
    return rule;
  }

  /** @throws MatrixError M_INVALID_PARAM, M_MISSING_PARAM, M_UNKNOWN, M_TOO_LARGE */
  async put(userId: string, rule: NewPushRule): Promise<void> {
    const checked = checkPushRule(rule);
    await this.#change(userId, (changes) => {
      const changed = withRule(changes, checked);
      const weight = patternWeight(changed.rules);
      if (weight > MAX_PATTERN_WEIGHT && weight > patternWeight(changes.rules)) throw tooManyPatterns();
      return changed;
    });
  }

  /** @throws MatrixError M_NOT_FOUND, M_INVALID_PARAM */
  async remove(name: PushRuleName): Promise<void> {
    await this.#change(name.userId, (changes) => withoutRule(changes, name, this.defaults));
  }

  /** @throws MatrixError M_NOT_FOUND, M_INVALID_PARAM, M_TOO_LARGE */
  async set(name: PushRuleName, settings: Partial<Pick<PushRule, 'enabled' | 'actions'>>): Promise<void> {
    const { actions } = settings;
    const checked = actions === undefined ? settings : { ...settings, actions: checkActions(actions) };
    await this.#change(name.userId, (changes) => withSettings(changes, name, checked, this.defaults));
  }

  /** The settings of these users, from memory as far as they are there. */
  async settingsOf(userIds: Iterable<string>): Promise<Map<string, NotificationSettings>> {
    const { found, missing } = splitKnown(userIds, (userId) => this.#cache.get(userId));
    for (let start = 0; start < missing.length; start += USERS_PER_READ) {
      for (const settings of await this.#read(missing.slice(start, start + USERS_PER_READ))) {
        found.set(settings.userId, settings);
      }
    }
    return found;
  }

  async #read(userIds: readonly string[]): Promise<NotificationSettings[]> {
    const changedMeanwhile = new Set<string>();
    this.#reads.add(changedMeanwhile);
    try {
      const contents = new Map<string, string>();
      for (const row of await this.#storage.read(selectNotificationSettings, { userIds })) {
        contents.set(`${row.user_id} ${row.type}`, row.content_json);
      }
      const read = userIds.map((userId) =>
        settingsFrom(
          userId,
          {
            pushRules: contents.get(`${userId} ${PUSH_RULES_TYPE}`),
            ignoredUserList: contents.get(`${userId} ${IGNORED_USERS_TYPE}`),
          },
          this.defaults,
        ),
      );
      for (const settings of read) {
        if (!changedMeanwhile.has(settings.userId)) this.#cache.set(settings.userId, settings);
      }
      return read;
    } finally {
      this.#reads.delete(changedMeanwhile);
    }
  }

  #note(changes: readonly PublishedChange[]): void {
    for (const change of changes) {
      const userId = changedSettingsOf(change);
      if (userId === undefined) continue;
      this.#cache.delete(userId);
      for (const changedMeanwhile of this.#reads) changedMeanwhile.add(userId);
    }
  }

  async #changes(userId: string): Promise<PushRuleChanges> {
    const [row] = await this.#storage.read(selectAccountData, { userId, roomId: '', type: PUSH_RULES_TYPE });
    return row === undefined ? NO_CHANGES : readChanges(row.content_json);
  }

  async #change(userId: string, decide: (changes: PushRuleChanges) => PushRuleChanges): Promise<void> {
    await this.#turns.run(userId, async () => {
      const contentJson = writeChanges(decide(await this.#changes(userId)));
      if (Buffer.byteLength(contentJson) > MAX_CHANGES_BYTES) {
        throw new MatrixError('M_TOO_LARGE', 'You have too many push rules. Remove some that you need no more.');
      }
      const address = { userId, roomId: undefined, type: PUSH_RULES_TYPE };
      await this.#storage.write((transaction) => writeAccountData(transaction, address, contentJson));
    });
  }
}

function tooManyPatterns(): MatrixError {
  return new MatrixError('M_TOO_LARGE', 'Your push rules have too many patterns. Remove or shorten some of them.');
}

/** The user for whom this change may alter what notifies. */
export function changedSettingsOf(change: PublishedChange): string | undefined {
  if (change.kind !== 'account-data' || change.roomId !== undefined) return undefined;
  return change.type === PUSH_RULES_TYPE || change.type === IGNORED_USERS_TYPE ? change.userId : undefined;
}

function settingsFrom(
  userId: string,
  { pushRules, ignoredUserList }: { pushRules: string | undefined; ignoredUserList: string | undefined },
  defaults: DefaultPushRules,
): NotificationSettings {
  const changes = pushRules === undefined ? NO_CHANGES : readChanges(pushRules);
  const ignoredUsers =
    ignoredUserList === undefined ? NOBODY_IGNORED : readIgnoredUsers(JSON.parse(ignoredUserList), userId);
  const rules = hasChanges(changes) ? compilePushRules(mergePushRules(changes, defaults.of(userId))) : undefined;
  return { userId, isCustom: rules !== undefined || ignoredUsers.size > 0, rules, ignoredUsers };
}
