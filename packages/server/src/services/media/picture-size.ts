import { loadSharp } from './load-sharp.ts';

/** Width and height of a picture as it is seen, in pixels; `undefined` where its header is damaged. */
export async function pictureSize(bytes: Uint8Array): Promise<{ width: number; height: number } | undefined> {
  const sharp = await loadSharp();
  try {
    // This reads the header alone, so a picture of any size will do.
    const { width, height, orientation = 1 } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return orientation >= 5 ? { width: height, height: width } : { width, height };
  } catch {
    // sharp says in words alone what is wrong with a picture, and the words are of no use to anybody here.
    return undefined;
  }
}
