import type { SectionFilter } from '../accounts/filter.ts';
import { typePasses } from './section-filter.ts';
import type { SyncNews } from './sync-news.ts';
import { isNews, type SyncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';
import type { SyncSources } from './sync-sources.ts';
import type { UserRoom } from './user-room.ts';

export interface PresenceInput {
  readonly request: Pick<SyncRequest, 'userId' | 'filter'>;
  readonly range: SyncRange;
  readonly rooms: readonly UserRoom[];
  readonly news: SyncNews | undefined;
}

/** The `m.presence` events of an answer, as JSON texts. It costs nothing where nobody's presence changed. */
export async function readPresence(input: PresenceInput, sources: SyncSources): Promise<readonly string[]> {
  const { request, range, rooms, news } = input;
  const { presence } = sources;
  const filter = request.filter.presence;
  if (presence === undefined || filter.limit === 0 || !typePasses(filter, 'm.presence')) return [];
  const hasJoined = news?.memberships.some((change) => change.userId === request.userId) === true;
  if (news !== undefined && news.presences.size === 0 && !hasJoined) return [];
  const joined = rooms.filter(({ membership }) => membership.membership === 'join');
  const entered = joined.filter(({ membership: { writer, joinedPosition } }) =>
    isNews(range, { writer, position: joinedPosition ?? 0 }),
  );
  const events = presence.events({
    userId: request.userId,
    joined: new Set(joined.map(({ room }) => room.roomId)),
    entered: new Set(range.since === undefined ? [] : entered.map(({ room }) => room.roomId)),
    changed: news?.presences,
    ranges: range.since && range.ranges,
  });
  if (events.size === 0) return [];
  const ignored = await sources.accountData.ignoredUsers(request.userId);
  const passing = [...events].filter(([userId]) => !ignored.has(userId) && senderPasses(filter, userId));
  return passing.slice(0, filter.limit).map(([, text]) => text);
}

function senderPasses({ senders, notSenders }: SectionFilter, userId: string): boolean {
  return (senders === undefined || senders.includes(userId)) && !notSenders.includes(userId);
}
