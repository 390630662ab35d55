import { asUserId, serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonValue } from '@limpet/protocol/json';
import { ALLOWED, refused } from '@limpet/protocol/verdict';
import type { Presence, PresenceUpdate } from '../presence/presence.ts';
import type { EduHandler } from '../remote-servers/edu-handler.ts';

/** Users of one EDU; the others are passed over. */
const MAX_USERS = 500;
/** In characters; what is longer is cut. */
const MAX_STATUS_LENGTH = 1_024;

const STATES = ['online', 'unavailable', 'offline'] as const;

/** `m.presence`. Specification: server-server API, "Presence". */
export function createPresenceHandler(presence: Pick<Presence, 'takeRemote'>): EduHandler {
  return async (origin, { push }) => {
    if (!Array.isArray(push)) return refused('"push" must be a list.');
    const updates = push.slice(0, MAX_USERS).map((update) => readUpdate(update, origin));
    presence.takeRemote(updates.filter((update) => update !== undefined));
    return updates.every((update) => update !== undefined)
      ? ALLOWED
      : refused('It tells no presence, or that of users of another server.');
  };
}

function readUpdate(update: JsonValue, origin: string): PresenceUpdate | undefined {
  if (!isJsonObject(update)) return undefined;
  const { last_active_ago: ago, currently_active: isActive, status_msg: status } = update;
  const userId = asUserId(update.user_id);
  const presence = STATES.find((state) => state === update.presence);
  if (userId === undefined || serverNameOf(userId) !== origin || presence === undefined) return undefined;
  return {
    userId,
    presence,
    lastActiveAgoMs: typeof ago === 'number' && Number.isSafeInteger(ago) && ago >= 0 ? ago : undefined,
    isActive: isActive === true,
    statusMessage: typeof status === 'string' && status !== '' ? status.slice(0, MAX_STATUS_LENGTH) : undefined,
  };
}
