import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Sharp } from 'sharp';
import { loadSharp } from './load-sharp.ts';
import { isAnimatedPng, type PictureFormat } from './picture-format.ts';
import type { ThumbnailSize } from './thumbnail-size.ts';

/** Largest picture, in pixels: what the largest phone cameras make. Frames of an animation count together. */
const MAX_PIXELS = 120_000_000;
/** Frames of an animation; one of more stands still in its thumbnail. */
const MAX_FRAMES = 500;
/** Longest time that one thumbnail may take to make. */
const MAX_SECONDS = 20;
/** Of JPEG and WebP; 1 to 100. */
const QUALITY = 80;

export interface MadeThumbnail {
  readonly contentType: string;
  /** `undefined` where the picture is small enough to be its own thumbnail. */
  readonly bytes: Uint8Array | undefined;
}

/**
 * Makes a picture small. Nothing is made larger. A picture that is too large is M_TOO_LARGE, and one that cannot be
 * decoded M_UNKNOWN. Metadata of the picture (where a photo was taken) do not come along.
 * Specification: client-server API, "Thumbnails".
 */
export async function makeThumbnail(
  content: Uint8Array,
  format: PictureFormat,
  wanted: ThumbnailSize & { readonly isAnimated: boolean },
): Promise<MadeThumbnail> {
  const sharp = await loadSharp();
  // This reads the header alone, so that what is too large can be told from what is damaged.
  const about = await sharp(content, { ...STRICT, limitInputPixels: false })
    .metadata()
    .catch(refuse);
  if (about.width * about.height > MAX_PIXELS) {
    throw new MatrixError('M_TOO_LARGE', `The picture has more than ${MAX_PIXELS / 1_000_000} million pixels.`);
  }
  const frames = about.pages ?? 1;
  const isMoving = frames > 1 || (format === 'png' && isAnimatedPng(content));
  const isDueToMove =
    wanted.isAnimated && frames > 1 && frames <= MAX_FRAMES && about.width * about.height * frames <= MAX_PIXELS;
  const isSmall = isWithin(about, wanted);
  const mayMove = !isMoving || wanted.isAnimated;
  const ownType = TYPES_OF_THUMBNAILS[format];
  if (isSmall && mayMove && ownType !== undefined) return { contentType: ownType, bytes: undefined };
  const picture = sharp(content, { ...STRICT, animated: isDueToMove })
    .timeout({ seconds: MAX_SECONDS })
    .autoOrient()
    .resize({
      width: wanted.width,
      height: wanted.height,
      fit: wanted.method === 'crop' ? 'cover' : 'inside',
      withoutEnlargement: true,
    });
  return encode(picture, isDueToMove ? 'webp' : about.hasAlpha ? 'png' : 'jpeg');
}

const STRICT = { failOn: 'error', limitInputPixels: MAX_PIXELS } as const;

/** The kinds that a thumbnail may have: all clients show them. */
const TYPES_OF_THUMBNAILS: Readonly<Record<PictureFormat, string | undefined>> = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: undefined,
};

/** Width and height as they are seen: from the fifth on, orientations stand on their side. */
function isWithin(
  { width, height, orientation = 1 }: { width: number; height: number; orientation?: number | undefined },
  wanted: ThumbnailSize,
): boolean {
  const [seenWidth, seenHeight] = orientation >= 5 ? [height, width] : [width, height];
  return seenWidth <= wanted.width && seenHeight <= wanted.height;
}

async function encode(picture: Sharp, as: 'webp' | 'png' | 'jpeg'): Promise<MadeThumbnail> {
  const bytes = await picture
    .toFormat(as, as === 'png' ? {} : { quality: QUALITY })
    .toBuffer()
    .catch(refuse);
  return { contentType: `image/${as}`, bytes };
}

function refuse(cause: unknown): never {
  const refusal = new MatrixError('M_UNKNOWN', 'No thumbnail can be made of this: it is damaged, or no picture.');
  refusal.cause = cause;
  throw refusal;
}
