import type { BlobStore } from '../platform/blob-store.ts';
import type { Random } from '../platform/random.ts';
import type { StoredMedia } from '../services/media/stored-media.ts';
import type { Thumbnail } from '../services/media/thumbnails.ts';
import { contentDisposition } from './content-disposition.ts';
import { HttpAnswer } from './http-answer.ts';
import { contentOf, thumbnailName } from './media-answer.ts';
import { StreamedBytes } from './streamed-bytes.ts';

/** Random, so that no content holds it by chance or by intent. */
const BOUNDARY_BYTES = 24;

interface Asked {
  readonly blobStore: BlobStore;
  readonly random: Random;
}

export function mediaForServer(asked: Asked, media: StoredMedia): Promise<HttpAnswer> {
  return multipart(asked, media, media.fileName);
}

export function thumbnailForServerAnswer(asked: Asked, thumbnail: Thumbnail): Promise<HttpAnswer> {
  return multipart(asked, thumbnail, thumbnailName(thumbnail));
}

/** An empty object and the content. Specification: server-server API, "Content Repository". */
async function multipart(
  { blobStore, random }: Asked,
  { blob, contentType }: Pick<Thumbnail, 'blob' | 'contentType'>,
  fileName: string | undefined,
): Promise<HttpAnswer> {
  const boundary = Buffer.from(random.bytes(BOUNDARY_BYTES)).toString('hex');
  const content = await contentOf(blobStore, blob);
  const head = Buffer.from(
    `--${boundary}\r\nContent-Type: application/json\r\n\r\n{}\r\n--${boundary}\r\nContent-Type: ${contentType}\r\n` +
      `Content-Disposition: ${contentDisposition(contentType, fileName)}\r\n\r\n`,
    'latin1',
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1');
  async function* read() {
    yield head;
    yield* content.read();
    yield tail;
  }
  const body = new StreamedBytes(head.length + content.sizeBytes + tail.length, read);
  return new HttpAnswer(200, body, { 'content-type': `multipart/mixed; boundary=${boundary}` });
}
