import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import { OutboundFailure, type OutboundHttp, type OutboundResponse } from '../../platform/outbound-http.ts';
import type { Platform } from '../../platform/platform.ts';
import { insertMedia, selectMedia } from '../../storage/queries/media.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';
import type { RemoteDownloads } from '../remote-servers/remote-downloads.ts';
import { RemoteServerError } from '../remote-servers/remote-servers.ts';
import type { BlobKeeper } from './blob-keeper.ts';
import { safeContentType } from './content-type.ts';
import { fileNameOf } from './file-name-of.ts';
import { parseMultipart } from './parse-multipart.ts';
import { SingleFlight } from './single-flight.ts';
import { type StoredMedia, storedMediaOf } from './stored-media.ts';
import { WorkLimit } from './work-limit.ts';

/** Media that are fetched at once, from all servers: each may be in memory as a whole. */
const MAX_FETCHED_AT_ONCE = 8;
/** Of those, from one server, so that a slow one leaves room for others; and what waits behind them. */
const MAX_FETCHED_FROM_ONE = 2;
const MAX_WAITING_FOR_ONE = 50;
const MAX_WAITING = 500;
/** Longest time that the other server has to send it all, apart from waiting for content that was not uploaded yet. */
const TRANSFER_MS = 60_000;
/** Redirects to where the content is, which the server may keep elsewhere. */
const MAX_REDIRECTS = 3;
/** What the headers of parts take besides the content. */
const MULTIPART_OVERHEAD_BYTES = 32_768;

export interface RemoteMediaParts {
  readonly storage: Storage;
  readonly platform: Pick<Platform, 'clock' | 'log'> & { readonly outboundHttp: OutboundHttp };
  readonly remote: RemoteDownloads;
  readonly keeper: BlobKeeper;
  readonly maxBytes: number;
  /** Whether what is fetched now may be had with authentication only. */
  readonly isFrozen: boolean;
}

export interface CopyOptions {
  readonly timeoutMs: number;
  /** Throws where whoever asks has asked too often. */
  readonly beforeFetch: () => void;
}

type Address = { readonly serverName: string; readonly mediaId: string };

interface Content {
  readonly bytes: Uint8Array;
  readonly contentType: string | undefined;
  readonly disposition: string | undefined;
}

/**
 * Fetches media of other servers, each once, and keeps it. Specification: server-server API, "Content Repository"; for
 * servers that are older than it, the unauthenticated download of the client-server API.
 */
export class RemoteMedia {
  readonly #parts: RemoteMediaParts;
  readonly #flights = new SingleFlight<StoredMedia>();
  readonly #limit = new WorkLimit(MAX_FETCHED_AT_ONCE, MAX_WAITING);
  readonly #limitsOfServers = new Map<string, { readonly limit: WorkLimit; users: number }>();

  constructor(parts: RemoteMediaParts) {
    this.#parts = parts;
  }

  /** Throws M_NOT_FOUND, M_NOT_YET_UPLOADED (504), M_TOO_LARGE (502), and M_UNKNOWN (502) where the server fails us. */
  copyOf(address: Address, { timeoutMs, beforeFetch }: CopyOptions): Promise<StoredMedia> {
    beforeFetch();
    const key = `${address.serverName}/${address.mediaId}`;
    return this.#flights.run(key, {
      find: () => this.#kept(address),
      make: () =>
        this.#limited(address.serverName, async () => this.#keep(address, await this.#get(address, timeoutMs))),
    });
  }

  async #limited<T>(serverName: string, work: () => Promise<T>): Promise<T> {
    const made = { limit: new WorkLimit(MAX_FETCHED_FROM_ONE, MAX_WAITING_FOR_ONE), users: 0 };
    const ofServer = this.#limitsOfServers.get(serverName) ?? made;
    this.#limitsOfServers.set(serverName, ofServer);
    ofServer.users++;
    try {
      return await ofServer.limit.run(() => this.#limit.run(work, tooMany), tooMany);
    } finally {
      ofServer.users--;
      if (ofServer.users === 0) this.#limitsOfServers.delete(serverName);
    }
  }

  async #kept(address: Address): Promise<StoredMedia | undefined> {
    const [row] = await this.#parts.storage.read(selectMedia, address);
    return row && storedMediaOf(row);
  }

  async #keep(address: Address, { bytes, contentType, disposition }: Content): Promise<StoredMedia> {
    const { keeper, platform, isFrozen } = this.#parts;
    const row = {
      ...address,
      userId: null,
      contentType: safeContentType(contentType),
      fileName: fileNameOf(disposition) ?? null,
      isFrozen: Number(isFrozen),
    };
    try {
      await keeper.keep(once(bytes), (transaction, { name: blob, sizeBytes }) => {
        const nowTs = platform.clock.nowMs();
        transaction.expect(insertMedia, { ...row, blob, sizeBytes, nowTs }, 'there is no copy yet');
      });
    } catch (error) {
      if (!(error instanceof ExpectationFailed)) throw error;
    }
    const kept = await this.#kept(address);
    if (kept === undefined) throw new Error('A copy of media is gone as soon as it was written');
    return kept;
  }

  async #get(address: Address, timeoutMs: number): Promise<Content> {
    try {
      return await this.#getSigned(address, timeoutMs);
    } catch (error) {
      if (!(error instanceof RemoteServerError || error instanceof OutboundFailure)) throw error;
      const { serverName, mediaId } = address;
      this.#parts.platform.log.info('Media of another server cannot be had', { serverName, mediaId, error });
      throw refusalFor(error, serverName);
    }
  }

  async #getSigned({ serverName, mediaId }: Address, timeoutMs: number): Promise<Content> {
    const { remote, maxBytes } = this.#parts;
    const common = {
      query: { timeout_ms: String(timeoutMs) },
      timeoutMs: timeoutMs + TRANSFER_MS,
      maxBytes: maxBytes + MULTIPART_OVERHEAD_BYTES,
    };
    try {
      const path = `/_matrix/federation/v1/media/download/${encodeURIComponent(mediaId)}`;
      const answer = await remote.download(serverName, { ...common, path, isSigned: true, maxRedirects: 0 });
      return await this.#contentOf(serverName, answer);
    } catch (error) {
      if (!isWithoutEndpoint(error)) throw error;
      const path = `/_matrix/media/v3/download/${encodeURIComponent(serverName)}/${encodeURIComponent(mediaId)}`;
      const query = { ...common.query, allow_remote: 'false', allow_redirect: 'true' };
      const legacy = { ...common, path, query, isSigned: false, maxRedirects: MAX_REDIRECTS };
      return this.#checkSize(serverName, contentIn(await remote.download(serverName, legacy)));
    }
  }

  /** The second part has the content, or says where it is. */
  async #contentOf(serverName: string, answer: OutboundResponse): Promise<Content> {
    const parts = parseMultipart(answer.headers['content-type'], answer.body);
    if (parts === undefined) {
      throw new RemoteServerError(serverName, 'bad-answer', `${serverName} answered with no multipart/mixed body`);
    }
    const [, { headers, body }] = parts;
    const content = headers.location === undefined ? contentIn({ headers, body }) : await this.#at(headers.location);
    return this.#checkSize(serverName, content);
  }

  /** The other server says where; private addresses are refused where requests leave this machine. */
  async #at(location: string): Promise<Content> {
    const { platform, maxBytes } = this.#parts;
    if (!URL.canParse(location) || new URL(location).protocol !== 'https:') {
      throw new OutboundFailure('forbidden-address', 'Media is said to be at something else than an https URL');
    }
    const url = new URL(location);
    const answer = await platform.outboundHttp.send({
      method: 'GET',
      url: `${url.origin}${url.pathname}${url.search}`,
      headers: { 'user-agent': 'Limpet', accept: '*/*' },
      timeoutMs: TRANSFER_MS,
      maxBytes,
      maxRedirects: MAX_REDIRECTS,
    });
    if (answer.status === 200) return contentIn(answer);
    throw new OutboundFailure('unreachable', `Where media is said to be, the answer is ${answer.status}`);
  }

  #checkSize(serverName: string, content: Content): Content {
    const { maxBytes } = this.#parts;
    if (content.bytes.length <= maxBytes) return content;
    const cause = new OutboundFailure('too-large', `${serverName} answered with more than ${maxBytes} bytes`);
    throw new RemoteServerError(serverName, 'bad-answer', cause.message, { cause });
  }
}

function contentIn({ headers, body }: Pick<OutboundResponse, 'headers' | 'body'>): Content {
  return { bytes: body, contentType: headers['content-type'], disposition: headers['content-disposition'] };
}

/** A server from before the endpoint; old proxies answer 404 without anything that Matrix knows. */
function isWithoutEndpoint(error: unknown): boolean {
  if (!(error instanceof RemoteServerError) || error.kind !== 'refused') return false;
  const { status, errcode } = error;
  return errcode === 'M_UNRECOGNIZED' || (status === 404 && errcode === undefined);
}

function refusalFor(error: RemoteServerError | OutboundFailure, serverName: string): MatrixError {
  if (error instanceof RemoteServerError) {
    if (error.errcode === 'M_NOT_YET_UPLOADED') {
      return new MatrixError('M_NOT_YET_UPLOADED', 'The content was not uploaded yet. Try again later.');
    }
    if (error.status === 404) return new MatrixError('M_NOT_FOUND', `The server ${serverName} has no such media.`);
    if (error.errcode === 'M_TOO_LARGE') return tooLarge(serverName);
  }
  const failure = error instanceof OutboundFailure ? error : error.cause;
  if (failure instanceof OutboundFailure && failure.kind === 'too-large') return tooLarge(serverName);
  const text = `The server ${serverName} does not give its media just now. Try again later.`;
  return new MatrixError('M_UNKNOWN', text, { status: 502 });
}

function tooLarge(serverName: string): MatrixError {
  const text = `This media of ${serverName} is larger than this server fetches.`;
  return new MatrixError('M_TOO_LARGE', text, { status: 502 });
}

function tooMany(): MatrixError {
  return limitExceeded('Too much media is being fetched. Try again in a moment.');
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
