import type { OutboundResponse } from '../../platform/outbound-http.ts';
import type { RemoteRequest } from './remote-servers.ts';

/** Gets what other servers have that is no JSON. */
export interface RemoteDownloads {
  /** The answer as it came, of a 200. @throws RemoteServerError for any other status, and where there is no answer. */
  download(destination: string, request: RemoteDownload): Promise<OutboundResponse>;
}

export interface RemoteDownload extends Pick<RemoteRequest, 'path' | 'query' | 'timeoutMs' | 'maxBytes' | 'signal'> {
  /** Whether the request carries our signature: not for what everybody may have. */
  readonly isSigned: boolean;
  /** Redirects that are followed. Where they lead, the signature does not go along. */
  readonly maxRedirects: number;
}
