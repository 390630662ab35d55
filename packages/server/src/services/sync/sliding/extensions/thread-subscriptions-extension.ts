import { subscriptionMaps } from '../../../thread-subscriptions/subscription-maps.ts';
import type { SyncSources } from '../../sync-sources.ts';
import { formatSyncToken } from '../../sync-token.ts';
import type { ExtensionPart, ExtensionsInput } from './extensions-input.ts';

/** Changes in one answer where the client does not say. */
const DEFAULT_LIMIT = 100;

const STABLE_NAME = 'thread_subscriptions';
const UNSTABLE_NAME = 'io.element.msc4308.thread_subscriptions';

/** How the user's subscriptions to threads changed since `pos`: the newest. Specification: MSC4308. */
export async function readThreadSubscriptionsExtension(
  { userId, extensions, range, news, newlyEnabled }: ExtensionsInput,
  { threadSubscriptions, storage }: SyncSources,
): Promise<ExtensionPart | undefined> {
  const name = extensions[UNSTABLE_NAME] === undefined ? STABLE_NAME : UNSTABLE_NAME;
  const request = extensions[name];
  if (request?.enabled !== true) return undefined;
  const since = newlyEnabled.has(name) ? undefined : range.since;
  if (since !== undefined && news?.threadSubscriptions === false) return undefined;
  const limit = request.limit ?? DEFAULT_LIMIT;
  const { changes, olderUpTo } = await threadSubscriptions.changed(userId, { since, upTo: range.upTo }, limit);
  if (changes.length === 0) return undefined;
  const older = olderUpTo && { vector: olderUpTo, sticky: undefined, toDeviceUpTo: undefined };
  const prevBatch = older && { prev_batch: formatSyncToken(older, storage.databaseTag) };
  return { name, text: JSON.stringify({ ...subscriptionMaps(changes), ...prevBatch }), isNews: true };
}
