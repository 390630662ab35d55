import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { TargetFault } from '../faults.ts';
import { type HttpResponse, ResponseReader } from './response-reader.ts';

/** Longest wait for an answer; a long poll of the bench is shorter. */
const MAX_ANSWER_MS = 120_000;

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** With the query; after the path of the target, if that has one. */
  readonly path: string;
  /** JSON as text. */
  readonly body?: string | undefined;
}

interface Waiting {
  readonly text: string;
  readonly resolve: (response: HttpResponse) => void;
  readonly reject: (fault: Error) => void;
  /** A server may close an idle connection just when the next request is written: then it is sent once more. */
  readonly mayRepeat: boolean;
}

/**
 * One kept-alive connection that carries one request at a time. It connects when it is first used, and again when the
 * server has closed it. Bare sockets, since the bench shares its cores with what it measures.
 */
export class HttpConnection {
  readonly #target: URL;
  readonly #accessToken: string | undefined;
  readonly #headers: string;
  readonly #basePath: string;
  readonly #reader = new ResponseReader();
  #socket: Socket | undefined;
  #waiting: Waiting | undefined;

  /** `accessToken` goes with every request. */
  constructor(target: URL, accessToken?: string) {
    this.#target = target;
    this.#accessToken = accessToken;
    this.#basePath = target.pathname.replace(/\/$/, '');
    const authorization = accessToken === undefined ? '' : `Authorization: Bearer ${accessToken}\r\n`;
    this.#headers = ` HTTP/1.1\r\nHost: ${target.host}\r\n${authorization}Content-Type: application/json\r\n`;
  }

  /** Rejects with TargetFault. */
  request({ method, path, body }: HttpRequest): Promise<HttpResponse> {
    const head = `${method} ${this.#basePath}${path}${this.#headers}`;
    const text = body === undefined ? `${head}\r\n` : withBody(head, body);
    return new Promise((resolve, reject) => {
      if (this.#waiting !== undefined) throw new Error('A connection carries one request at a time');
      const isReused = this.#socket !== undefined;
      this.#waiting = { text, resolve, reject, mayRepeat: isReused };
      this.#openSocket().write(text);
    });
  }

  /** A new connection to the same place, with the same access token. */
  another(): HttpConnection {
    return new HttpConnection(this.#target, this.#accessToken);
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#fail('The bench closed the connection');
  }

  #openSocket(): Socket {
    if (this.#socket !== undefined) return this.#socket;
    const { hostname, port, protocol } = this.#target;
    const host = hostname.replace(/^\[|\]$/g, '');
    const isTls = protocol === 'https:';
    const to = { host, port: Number(port || (isTls ? 443 : 80)) };
    const socket = isTls ? connectTls({ ...to, servername: host }) : connectTcp(to);
    socket.setNoDelay(true);
    socket.setTimeout(MAX_ANSWER_MS, () => this.#waiting && socket.destroy(new Error('no answer in two minutes')));
    socket.on('data', (bytes: Buffer) => this.#read(socket, bytes));
    let cause = 'the connection was closed';
    socket.on('error', (error) => {
      cause = error.message;
    });
    socket.on('close', () => this.#lose(socket, cause));
    this.#socket = socket;
    return socket;
  }

  #read(socket: Socket, bytes: Buffer): void {
    let response: HttpResponse | undefined;
    try {
      response = this.#reader.push(bytes);
    } catch (error) {
      socket.destroy(error as Error);
      return;
    }
    if (response === undefined) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (!response.keepsAlive) {
      this.#socket = undefined;
      socket.destroy();
    }
    waiting?.resolve(response);
  }

  #lose(socket: Socket, cause: string): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    const waiting = this.#waiting;
    const hasBegun = this.#reader.hasBegun;
    this.#reader.reset();
    if (waiting?.mayRepeat === true && !hasBegun) {
      this.#waiting = { ...waiting, mayRepeat: false };
      this.#openSocket().write(waiting.text);
      return;
    }
    this.#fail(cause);
  }

  #fail(cause: string): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(new TargetFault(`${this.#target.origin}: ${cause}`));
  }
}

function withBody(head: string, body: string): string {
  return `${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
