import { MatrixError } from '@limpet/protocol/matrix-error';
import type { StoredMedia } from './stored-media.ts';

export interface FetchOptions {
  readonly timeoutMs: number;
  readonly beforeFetch: () => void;
}

/** Media of other servers. */
export class RemoteMedia {
  async copyOf(_address: { serverName: string; mediaId: string }, _options: FetchOptions): Promise<StoredMedia> {
    throw new MatrixError('M_NOT_FOUND', 'This server does not fetch media of other servers yet.');
  }
}
