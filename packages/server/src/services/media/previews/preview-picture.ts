import type { Platform } from '../../../platform/platform.ts';
import { insertMedia } from '../../../storage/queries/media.ts';
import type { BlobKeeper } from '../blob-keeper.ts';
import { newMediaId } from '../media-id.ts';
import { pictureFormat } from '../picture-format.ts';
import { pictureSize } from '../picture-size.ts';

export interface PreviewPictureParts {
  readonly platform: Pick<Platform, 'clock' | 'random'>;
  readonly serverName: string;
  readonly keeper: BlobKeeper;
  readonly isFrozen: boolean;
}

/** What a preview says of its picture. */
export interface PreviewPicture {
  readonly uri: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Keeps a picture as media that belongs to nobody, like a copy of another server's: when nobody uses it any more, it is
 * removed. `undefined` for what is no picture that clients show, or is damaged.
 */
export async function keepPreviewPicture(
  bytes: Uint8Array,
  { platform, serverName, keeper, isFrozen }: PreviewPictureParts,
): Promise<PreviewPicture | undefined> {
  const format = pictureFormat(bytes);
  const size = format === undefined ? undefined : await pictureSize(bytes);
  if (format === undefined || size === undefined) return undefined;
  const mediaId = newMediaId(platform.random);
  const contentType = `image/${format}`;
  const row = { serverName, mediaId, userId: null, contentType, fileName: null, isFrozen: Number(isFrozen) };
  await keeper.keep(once(bytes), (transaction, { name: blob, sizeBytes }) => {
    transaction.expect(insertMedia, { ...row, blob, sizeBytes, nowTs: platform.clock.nowMs() }, 'the media ID is new');
  });
  return { uri: `mxc://${serverName}/${mediaId}`, contentType, sizeBytes: bytes.length, ...size };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
