import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { selectThumbnail } from '../src/storage/queries/media-thumbnails.ts';
import { holdAnswer } from './support/hold-answer.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

const THUMBNAIL = '/_matrix/client/v1/media/thumbnail';

let server: TestServer;
let alice: Session;
let photo: Uint8Array;

beforeAll(async () => {
  photo = await pictureOf(1200, 600).jpeg().toBuffer();
});

beforeEach(async () => {
  server = await createTestServer();
  alice = await server.createUser('alice');
});

afterEach(() => server.stop());

function pictureOf(width: number, height: number, background = 'red') {
  return sharp({ create: { width, height, channels: 3, background } });
}

async function upload(body: Uint8Array | string, type = 'image/jpeg'): Promise<string> {
  const request = { token: alice.accessToken, body, headers: { 'content-type': type } };
  return String((await server.ok('POST', '/_matrix/media/v3/upload', request)).content_uri).slice('mxc://'.length);
}

function thumbnail(address: string, query: string) {
  return server.request('GET', `${THUMBNAIL}/${address}?${query}`, { token: alice.accessToken });
}

async function sizeOf(address: string, query: string): Promise<(number | string | undefined)[]> {
  const { status, bytes, headers } = await thumbnail(address, query);
  expect(status).toBe(200);
  const about = await sharp(bytes, { animated: true }).metadata();
  const { width, pageHeight: height = about.height, format, pages = 1 } = about;
  expect(headers['content-type']).toBe(`image/${format}`);
  expect(headers['content-disposition']).toBe(`inline; filename=thumbnail.${format}`);
  return [width, height, format, pages];
}

async function kept(): Promise<number> {
  return (await server.storage.read({ text: 'select blob from media_thumbnails' }, {})).length;
}

describe('sizes', () => {
  test('scaled, a picture keeps its shape; cropped, it has the one asked for; none is smaller than asked', async () => {
    const address = await upload(photo);
    expect(await sizeOf(address, 'width=320&height=240&method=scale')).toEqual([320, 160, 'jpeg', 1]);
    expect(await sizeOf(address, 'width=300&height=200')).toEqual([320, 160, 'jpeg', 1]);
    expect(await sizeOf(address, 'width=96&height=96&method=crop')).toEqual([96, 96, 'jpeg', 1]);
    expect(await sizeOf(address, 'width=90&height=40&method=crop')).toEqual([96, 96, 'jpeg', 1]);
    expect(await sizeOf(address, 'width=600&height=240&method=crop')).toEqual([640, 240, 'jpeg', 1]);
  });

  test('asking for every size there is makes few', async () => {
    const address = await upload(photo);
    for (let width = 1; width <= 100; width += 3) await thumbnail(address, `width=${width}&height=${width}`);
    expect(await kept()).toBe(3);
    for (const width of [32, 96, 240, 320, 480, 640]) {
      for (const height of [32, 96, 240, 320, 480]) {
        await thumbnail(address, `width=${width}&height=${height}&method=crop`);
      }
    }
    expect(await kept()).toBe(24);
  });

  test('a picture that is smaller is its own thumbnail', async () => {
    const small = await pictureOf(20, 10).png().toBuffer();
    const address = await upload(small, 'text/html');
    const got = await thumbnail(address, 'width=96&height=96');
    expect(Buffer.from(got.bytes).equals(small)).toBe(true);
    expect(got.headers['content-type']).toBe('image/png');
    expect(await sizeOf(address, 'width=32&height=32&method=crop')).toEqual([20, 10, 'png', 1]);
  });

  test('one that lies on its side is set upright, and where it was taken is not told', async () => {
    const exif = { IFD3: { GPSLatitude: '51/1 30/1 0/1' } };
    const turned = await pictureOf(400, 200).withExif(exif).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const address = await upload(turned);
    expect(await sizeOf(address, 'width=96&height=96')).toEqual([48, 96, 'jpeg', 1]);
    const { bytes } = await thumbnail(address, 'width=96&height=96');
    expect((await sharp(bytes).metadata()).exif).toBeUndefined();
  });

  test('what is seen through stays so', async () => {
    const glass = sharp({ create: { width: 200, height: 200, channels: 4, background: '#ff000080' } });
    const address = await upload(await glass.png().toBuffer(), 'image/png');
    expect(await sizeOf(address, 'width=96&height=96')).toEqual([96, 96, 'png', 1]);
  });

  test.each(['width=0&height=1', 'width=-1&height=1', 'width=x&height=1', 'width=1', 'width=1&height=1&method=x'])(
    '%s makes no sense',
    async (query) => {
      expect((await thumbnail(await upload(photo), query)).status).toBe(400);
    },
  );
});

test('a thumbnail is made once for all who ask, and then kept', async () => {
  const address = await upload(photo);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => thumbnail(address, 'width=96&height=96&method=crop')),
  );
  expect(new Set(answers.map(({ headers }) => headers.etag)).size).toBe(1);
  const blobs = server.blobStore as unknown as { blobs: ReadonlyMap<string, unknown> };
  expect(blobs.blobs.size).toBe(2);
});

test('who looked just before a thumbnail was kept gets it as well', async () => {
  const address = await upload(photo);
  const { reached, release } = holdAnswer(server.storage, selectThumbnail);
  const late = thumbnail(address, 'width=96&height=96&method=crop');
  await reached;
  const { status, headers } = await thumbnail(address, 'width=96&height=96&method=crop');
  expect(status).toBe(200);
  release();
  expect(await late).toMatchObject({ status: 200, headers: { etag: headers.etag } });
});

describe('pictures that move', () => {
  async function gif(frames = 3, side = 200): Promise<Uint8Array> {
    const colours = ['red', 'green', 'blue', 'white', 'black'];
    const pictures = await Promise.all(
      Array.from({ length: frames }, (_, index) =>
        pictureOf(side, side, colours[index % 5])
          .png()
          .toBuffer(),
      ),
    );
    return sharp(pictures, { join: { animated: true } })
      .gif()
      .toBuffer();
  }

  test('move in small where that is asked for, and else stand still', async () => {
    const address = await upload(await gif(), 'image/gif');
    expect(await sizeOf(address, 'width=96&height=96&animated=true')).toEqual([96, 96, 'webp', 3]);
    for (const query of ['', '&animated=false']) {
      const [width, height, , pages] = await sizeOf(address, `width=96&height=96${query}`);
      expect([width, height, pages]).toEqual([96, 96, 1]);
    }
  });

  test('stand still also where they are small already', async () => {
    const address = await upload(await gif(3, 20), 'image/gif');
    expect((await sizeOf(address, 'width=32&height=32')).at(-1)).toBe(1);
    expect(await sizeOf(address, 'width=32&height=32&animated=true')).toEqual([20, 20, 'gif', 3]);
  });

  test('a photo cannot move', async () => {
    expect(await sizeOf(await upload(photo), 'width=96&height=96&animated=true')).toEqual([96, 48, 'jpeg', 1]);
  });
});

describe('what no thumbnail is made of', () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>';

  test.each([
    ['text', 'hello'],
    ['nothing', ''],
    ['SVG that says it is PNG', svg],
    ['a PNG that ends early', Buffer.from('89504e470d0a1a0a0000000d4948445200', 'hex')],
    ['a JPEG of noise', Buffer.concat([Buffer.from('ffd8ff', 'hex'), Buffer.alloc(5_000, 7)])],
    ['a GIF of noise', Buffer.concat([Buffer.from('GIF89a'), Buffer.alloc(5_000, 7)])],
    ['a WebP of noise', Buffer.concat([Buffer.from('RIFF\x00\x00\x00\x00WEBP'), Buffer.alloc(5_000, 7)])],
    ['an AVIF of noise', Buffer.concat([Buffer.from('\x00\x00\x00\x20ftypavif'), Buffer.alloc(5_000, 7)])],
  ])('%s: M_UNKNOWN, and it is not tried again', async (_what, content) => {
    const address = await upload(content, 'image/png');
    for (let times = 0; times < 2; times++) {
      const refused = await thumbnail(address, 'width=96&height=96');
      expect([refused.status, refused.body.errcode]).toEqual([400, 'M_UNKNOWN']);
    }
    expect(await kept()).toBe(0);
  });

  test('a small file that is a huge picture is M_TOO_LARGE, before it is decoded', async () => {
    // Only the header says how large it is: a decoder that believed it would take 7 GB.
    const size = Buffer.from('0000c3500000c3500802000000', 'hex');
    const bomb = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', size), chunk('IDAT', PIXELS)]);
    const refused = await thumbnail(await upload(bomb, 'image/png'), 'width=96&height=96');
    expect([refused.status, refused.body.errcode]).toEqual([413, 'M_TOO_LARGE']);
  });

  test('a picture of too many bytes is M_TOO_LARGE', async () => {
    const large = Buffer.concat([photo, Buffer.alloc(26 * 1_048_576)]);
    const refused = await thumbnail(await upload(large), 'width=96&height=96');
    expect([refused.status, refused.body.errcode]).toEqual([413, 'M_TOO_LARGE']);
  });
});

const PIXELS = deflateSync(Buffer.alloc(100_000));

/** Of a PNG. */
function chunk(type: string, data: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(type), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, checksum]);
}
