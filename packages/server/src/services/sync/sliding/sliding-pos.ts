import { MatrixError } from '@limpet/protocol/matrix-error';
import type { StreamVector } from '../../../storage/stream.ts';
import { formatSyncToken, parseSyncToken } from '../sync-token.ts';

/**
 * A `pos`: how far along the stream the client is, and which version of which connection says what it was told. An
 * answer that changes nothing of the latter gives the same version along a newer vector, and costs no write.
 *
 * `p1.CONNECTION.VERSION.TOKEN`: numbers in base 36, then a token as `/sync` has it.
 */
export interface SlidingPos {
  readonly connectionNid: number;
  readonly version: number;
  readonly vector: StreamVector;
}

export function formatSlidingPos({ connectionNid, version, vector }: SlidingPos, databaseTag: string): string {
  const token = formatSyncToken({ vector, sticky: undefined, toDeviceUpTo: undefined }, databaseTag);
  return `p1.${connectionNid.toString(36)}.${version.toString(36)}.${token}`;
}

/** `undefined` for anything but a `pos` that this database gave out, and where it goes beyond what is published. */
export function parseSlidingPos(
  text: string,
  { databaseTag, current }: { databaseTag: string; current: StreamVector },
): SlidingPos | undefined {
  const match = /^p1\.([0-9a-z]{1,11})\.([0-9a-z]{1,11})\.(.+)$/.exec(text);
  const [, connection = '', version = '', token = ''] = match ?? [];
  if (match === null) return undefined;
  try {
    const { vector } = parseSyncToken(token, { databaseTag, current, parameter: 'pos' });
    return { connectionNid: Number.parseInt(connection, 36), version: Number.parseInt(version, 36), vector };
  } catch (error) {
    if (error instanceof MatrixError) return undefined;
    throw error;
  }
}
