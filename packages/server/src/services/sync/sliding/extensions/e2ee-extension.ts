import { readDeviceLists } from '../../device-lists.ts';
import type { SyncSources } from '../../sync-sources.ts';
import type { ExtensionPart, ExtensionsInput } from './extensions-input.ts';

/**
 * Whose devices changed since `pos`, and how many keys the device has left. The counts are always there: some clients
 * take their absence for none. Specification: MSC3884.
 */
export async function readE2eeExtension(
  input: ExtensionsInput,
  sources: SyncSources,
): Promise<ExtensionPart | undefined> {
  if (input.extensions.e2ee?.enabled !== true) return undefined;
  const { userId, range, news, rooms } = input;
  const mayHaveLists =
    range.since !== undefined && (!news || news.memberships.length + news.deviceUsers.size + news.signedUsers.size > 0);
  const lists = mayHaveLists ? await readDeviceLists({ userId, range, news, rooms }, sources) : undefined;
  const { oneTimeKeys, unusedFallbackTypes } = await sources.encryption.keyCounts(input);
  const hasLists = lists !== undefined && lists.changed.length + lists.left.length > 0;
  const text = JSON.stringify({
    ...(hasLists ? { device_lists: lists } : {}),
    device_one_time_keys_count: oneTimeKeys,
    device_unused_fallback_key_types: unusedFallbackTypes,
    'org.matrix.msc2732.device_unused_fallback_key_types': unusedFallbackTypes,
  });
  return { name: 'e2ee', text, isNews: hasLists || news?.keyCounts !== false };
}
