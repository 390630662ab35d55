import { MatrixError } from '@limpet/protocol/matrix-error';
import type { StreamVector } from '../../../../storage/stream.ts';
import type { SyncSources } from '../../sync-sources.ts';
import { formatSyncToken, parseSyncToken } from '../../sync-token.ts';
import type { ExtensionPart, ExtensionsInput } from './extensions-input.ts';

/** Most messages in one answer, and how many where the client does not say. */
const MAX_MESSAGES = 100;

/**
 * Messages to the device, with a token of their own: what it has passed was received, and is removed.
 * Specification: MSC3885.
 */
export async function readToDeviceExtension(
  input: ExtensionsInput,
  sources: SyncSources,
): Promise<ExtensionPart | undefined> {
  const request = input.extensions.to_device;
  if (request?.enabled !== true) return undefined;
  const { encryption, storage } = sources;
  const { upTo } = input.range;
  const since = request.since ? readSince(request.since, storage) : undefined;
  for (const [writer, position] of since ?? []) encryption.acknowledgeToDevice(input, writer, position);
  const limit = Math.min(Math.max(request.limit ?? MAX_MESSAGES, 1), MAX_MESSAGES);
  const texts: string[] = [];
  const reached = new Map(since);
  for (const [writer, last] of upTo) {
    const left = limit - texts.length;
    const after = since?.get(writer) ?? 0;
    const messages = await encryption.toDevice(input, { writer, after, upTo: last }, left + 1);
    const given = messages.slice(0, left);
    for (const { json } of given) texts.push(json);
    const isAll = messages.length <= left;
    reached.set(writer, isAll ? Math.max(after, last) : (given.at(-1)?.position ?? after));
    if (!isAll) break;
  }
  const token = { vector: reached, sticky: undefined, toDeviceUpTo: undefined };
  const text = `{"next_batch":"${formatSyncToken(token, storage.databaseTag)}","events":[${texts.join()}]}`;
  return { name: 'to_device', text, isNews: texts.length > 0 };
}

/**
 * A token of another database, or of this one before it was put back, counts as none: clients keep it for good, and
 * could not get rid of it. Throws M_INVALID_PARAM for what was never a token.
 */
function readSince(text: string, { databaseTag, stream }: SyncSources['storage']): StreamVector | undefined {
  try {
    return parseSyncToken(text, { databaseTag, current: stream.current(), parameter: 'to_device.since' }).vector;
  } catch (error) {
    if (error instanceof MatrixError && text.startsWith('s1_')) return undefined;
    throw error;
  }
}
