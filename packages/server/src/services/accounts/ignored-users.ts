import { isJsonObject, type JsonValue } from '@limpet/protocol/json';

/** Account data that lists users to be ignored. Specification: client-server API, "Ignoring Users". */
export const IGNORED_USERS_TYPE = 'm.ignored_user_list';

export const NOBODY_IGNORED: ReadonlySet<string> = new Set();

/** Clients write the list as they like; what is no list ignores nobody, and nobody ignores himself. */
export function readIgnoredUsers(content: JsonValue, userId: string): ReadonlySet<string> {
  const users = isJsonObject(content) ? content.ignored_users : undefined;
  return isJsonObject(users) ? new Set(Object.keys(users).filter((ignored) => ignored !== userId)) : NOBODY_IGNORED;
}
