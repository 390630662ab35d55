/** Bytes at the beginning that tell what a picture is. */
export const PICTURE_HEAD_BYTES = 32;

export type PictureFormat = 'jpeg' | 'png' | 'gif' | 'webp' | 'avif';

/**
 * What kind of picture begins like this; `undefined` for all that no thumbnail is made of. It goes by the bytes, not by
 * what the uploader said, and knows few kinds: each decoder that strangers can reach is one that they can attack. SVG
 * is none of them, being a program.
 */
export function pictureFormat(head: Uint8Array): PictureFormat | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, PICTURE_HEAD_BYTES)).toString('latin1');
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (/^GIF8[79]a/.test(text)) return 'gif';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'webp';
  if (text.slice(4, 8) === 'ftyp' && /^avi[fs]$/.test(text.slice(8, 12))) return 'avif';
  return undefined;
}

/** Whether this PNG moves: its chunk `acTL` stands before its first picture data. */
export function isAnimatedPng(bytes: Uint8Array): boolean {
  const png = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = PNG_SIGNATURE_BYTES; offset + CHUNK_HEAD_BYTES <= png.length; ) {
    const type = png.toString('latin1', offset + 4, offset + 8);
    if (type === 'acTL') return true;
    if (type === 'IDAT') return false;
    offset += CHUNK_HEAD_BYTES + png.readUInt32BE(offset) + CHUNK_CHECKSUM_BYTES;
  }
  return false;
}

const PNG_SIGNATURE_BYTES = 8;
const CHUNK_HEAD_BYTES = 8;
const CHUNK_CHECKSUM_BYTES = 4;
