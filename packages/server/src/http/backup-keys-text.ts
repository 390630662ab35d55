import type { BackedUpKey } from '../services/encryption/backup-keys.ts';

type Pages = AsyncIterable<readonly BackedUpKey[]>;

/** The answer to `GET /room_keys/keys`, as its keys come, in the order of their rooms. */
export async function* backupKeysText(pages: Pages): AsyncGenerator<Uint8Array> {
  yield Buffer.from('{"rooms":{');
  let roomId: string | undefined;
  for await (const page of pages) {
    const texts = page.map((key) => {
      if (key.roomId === roomId) return `,${member(key)}`;
      const end = roomId === undefined ? '' : '}},';
      roomId = key.roomId;
      return `${end}${JSON.stringify(roomId)}:{"sessions":{${member(key)}`;
    });
    yield Buffer.from(texts.join(''));
  }
  yield Buffer.from(roomId === undefined ? '}}' : '}}}}');
}

/** The answer to `GET /room_keys/keys/{roomId}`. */
export async function* roomKeysText(pages: Pages): AsyncGenerator<Uint8Array> {
  yield Buffer.from('{"sessions":{');
  let comma = '';
  for await (const page of pages) {
    yield Buffer.from(comma + page.map(member).join(','));
    comma = ',';
  }
  yield Buffer.from('}}');
}

function member({ sessionId, json }: BackedUpKey): string {
  return `${JSON.stringify(sessionId)}:${json}`;
}
