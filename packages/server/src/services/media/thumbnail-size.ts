/** Widths and heights of crops: what is asked for is rounded up to one of these. */
const SIDES = [32, 96, 240, 320, 480, 640, 800, 1600] as const;

/** Boxes that a picture is scaled into: the ones that the specification names, and a larger one for wide screens. */
const BOXES = [
  { width: 32, height: 32 },
  { width: 96, height: 96 },
  { width: 320, height: 240 },
  { width: 640, height: 480 },
  { width: 800, height: 600 },
  { width: 1600, height: 1200 },
] as const;

export type ThumbnailMethod = 'crop' | 'scale';

export interface ThumbnailSize {
  readonly width: number;
  readonly height: number;
  readonly method: ThumbnailMethod;
}

/**
 * The thumbnail that is made for this wish: as large or larger, of a fixed set, so that nobody fills the disk by asking
 * for a picture in every size there is. Who asks for more than the largest gets the largest.
 * Specification: client-server API, "Thumbnails".
 */
export function thumbnailSize({ width, height, method }: ThumbnailSize): ThumbnailSize {
  if (method === 'crop') return { width: roundedSide(width), height: roundedSide(height), method };
  const box = BOXES.find((one) => one.width >= width && one.height >= height) ?? LARGEST_BOX;
  return { ...box, method };
}

const LARGEST_SIDE = SIDES[SIDES.length - 1] ?? 0;
const LARGEST_BOX = { width: 1600, height: 1200 } as const;

function roundedSide(wanted: number): number {
  return SIDES.find((side) => side >= wanted) ?? LARGEST_SIDE;
}
