import type { BlobName, BlobStore } from '../platform/blob-store.ts';
import type { StoredMedia } from '../services/media/stored-media.ts';
import type { Thumbnail } from '../services/media/thumbnails.ts';
import { contentDisposition } from './content-disposition.ts';
import { HttpAnswer } from './http-answer.ts';
import { StreamedBytes } from './streamed-bytes.ts';

/** Content never changes, so whoever has it need not ask for a day; then the entity tag tells that it is the same. */
const CACHE_CONTROL = 'private, max-age=86400, immutable';

/**
 * Whatever somebody uploaded is shown by a browser without scripts, without anything from elsewhere, and as what it was
 * said to be. Specification: client-server API, "Content repository".
 */
const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; " +
    "object-src 'self';",
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': CACHE_CONTROL,
};

export interface AskedMedia {
  readonly blobStore: BlobStore;
  readonly ifNoneMatch: string | undefined;
}

/** The answer with the content of media, under its own file name or another one. */
export function mediaAnswer(asked: AskedMedia, media: StoredMedia, fileName?: string): Promise<HttpAnswer> {
  return blobAnswer(asked, media, fileName ?? media.fileName);
}

export function thumbnailAnswer(asked: AskedMedia, thumbnail: Thumbnail): Promise<HttpAnswer> {
  return blobAnswer(asked, thumbnail, thumbnailName(thumbnail));
}

/** Thumbnails have the few types that their service makes. */
export function thumbnailName({ contentType }: Thumbnail): string {
  return `thumbnail.${contentType.slice(contentType.indexOf('/') + 1)}`;
}

export async function contentOf(blobStore: BlobStore, blob: BlobName): Promise<StreamedBytes<number>> {
  const stored = await blobStore.get(blob);
  if (stored === undefined) throw new Error(`The blob ${blob} is missing`);
  return new StreamedBytes(stored.sizeBytes, () => stored.read());
}

interface BlobToSend {
  readonly blob: BlobName;
  readonly contentType: string;
}

async function blobAnswer(
  { blobStore, ifNoneMatch }: AskedMedia,
  { blob, contentType }: BlobToSend,
  fileName: string | undefined,
): Promise<HttpAnswer> {
  const etag = `"${blob}"`;
  const headers = { ...SAFE_HEADERS, etag };
  if (isAmong(etag, ifNoneMatch)) return new HttpAnswer(304, '', headers);
  return new HttpAnswer(200, await contentOf(blobStore, blob), {
    ...headers,
    'content-type': contentType,
    'content-disposition': contentDisposition(contentType, fileName),
  });
}

function isAmong(etag: string, ifNoneMatch: string | undefined): boolean {
  return ifNoneMatch?.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag) ?? false;
}
