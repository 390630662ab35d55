import { randomBytes } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import { assertEqual } from '../assert-equal.ts';
import type { InteropUser } from '../interop-user.ts';
import type { Story } from '../story.ts';

/** Files of one server, as users of the other download them. */
export const MEDIA_STORIES: readonly Story[] = [
  {
    name: 'media',
    versions: 'newest',
    async tell(world) {
      const owner = await world.user(world.home, 'owner');
      const guest = await world.user(world.away, 'guest');
      const content = randomBytes(100_000);
      const uri = await upload(owner, content, 'application/octet-stream');
      const { status, type, bytes } = await download(guest, `download/${uri}`);
      assertEqual('the status', status, 200);
      assertEqual('the type', type, 'application/octet-stream');
      assertEqual('whether the content is the same', Buffer.compare(bytes, content), 0);
    },
  },
  {
    name: 'thumbnails',
    versions: 'newest',
    async tell(world) {
      const owner = await world.user(world.home, 'owner');
      const guest = await world.user(world.away, 'guest');
      const uri = await upload(owner, png(200), 'image/png');
      const { status, type } = await download(guest, `thumbnail/${uri}?width=32&height=32&method=crop`);
      assertEqual('the status', status, 200);
      assertEqual('whether it is a picture', type.startsWith('image/'), true);
    },
  },
  {
    name: 'media that is not there',
    versions: 'newest',
    async tell(world) {
      const guest = await world.user(world.away, 'guest');
      const { status } = await download(guest, `download/${world.home.serverName}/nothing${world.unique}`);
      assertEqual('the status', status, 404);
    },
  },
];

/** Server and ID of what was uploaded. */
async function upload(user: InteropUser, content: Buffer, contentType: string): Promise<string> {
  const body = new Uint8Array(content);
  const answer = await user.ask('POST', '/_matrix/media/v3/upload?filename=file.bin', { body, contentType });
  return String(answer.content_uri).replace('mxc://', '');
}

async function download(user: InteropUser, path: string) {
  const response = await user.request('GET', `/_matrix/client/v1/media/${path}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, type: response.headers.get('content-type') ?? '', bytes };
}

/** A square picture of one colour. */
function png(size: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  // Eight bits, red, green and blue.
  header.set([8, 2, 0, 0, 0], 8);
  const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(size * 3, 0x7f)]);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: size }, () => line)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const whole = Buffer.alloc(named.length + 8);
  whole.writeUInt32BE(data.length, 0);
  named.copy(whole, 4);
  whole.writeUInt32BE(crc32(named), named.length + 4);
  return whole;
}
