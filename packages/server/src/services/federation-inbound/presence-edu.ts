import { asUserId, serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject } from '@limpet/protocol/json';
import { ALLOWED, refused } from '@limpet/protocol/verdict';
import type { EduHandler } from '../remote-servers/edu-handler.ts';

/** Users of one EDU. */
const MAX_USERS = 1_000;

/**
 * `m.presence`: this server does not know presence yet, so what others say of it is looked at, to name what is wrong,
 * and dropped. Specification: server-server API, "Presence".
 */
export const takePresence: EduHandler = async (origin, { push }) => {
  if (!Array.isArray(push)) return refused('"push" must be a list.');
  const isRight = push.slice(0, MAX_USERS).every((update) => {
    const userId = isJsonObject(update) ? asUserId(update.user_id) : undefined;
    return userId !== undefined && serverNameOf(userId) === origin;
  });
  return isRight ? ALLOWED : refused('It tells the presence of users of another server.');
};
