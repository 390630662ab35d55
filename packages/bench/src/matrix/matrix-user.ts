import type { HttpConnection } from '../http/http-connection.ts';
import type { HttpResponse } from '../http/response-reader.ts';
import { call, textOf } from './call.ts';

const STICKY_PARAMETER = 'org.matrix.msc4354.sticky_duration_ms';
const CLIENT = '/_matrix/client/v3';
export const SLIDING_SYNC_PATH = '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync';

export interface SyncRequest {
  readonly filterId: string;
  readonly since?: string;
  readonly timeoutMs: number;
}

/** An account with one device and one connection. Methods throw TargetFault when the target refuses. */
export class MatrixUser {
  readonly userId: string;
  readonly connection: HttpConnection;

  constructor(userId: string, connection: HttpConnection) {
    this.userId = userId;
    this.connection = connection;
  }

  /** A room that anyone may join; its ID. */
  async createRoom(): Promise<string> {
    const body = { preset: 'public_chat', name: 'A room of the bench' };
    return textOf(await call(this.connection, { method: 'POST', path: `${CLIENT}/createRoom`, body }), 'room_id');
  }

  /** `via` names a server that is in the room, where the user's own is not. */
  async join(roomId: string, via?: string): Promise<void> {
    const query = via === undefined ? '' : `?via=${via}&server_name=${via}`;
    const path = `${CLIENT}/join/${encodeURIComponent(roomId)}${query}`;
    await call(this.connection, { method: 'POST', path, body: {} });
  }

  /** Its ID. */
  async createFilter(filter: object): Promise<string> {
    const path = `${CLIENT}/user/${encodeURIComponent(this.userId)}/filter`;
    return textOf(await call(this.connection, { method: 'POST', path, body: filter }), 'filter_id');
  }

  /** The raw response, so that who measures decides what to read of it. */
  sync({ filterId, since, timeoutMs }: SyncRequest): Promise<HttpResponse> {
    const from = since === undefined ? '' : `&since=${encodeURIComponent(since)}`;
    const path = `${CLIENT}/sync?filter=${encodeURIComponent(filterId)}&timeout=${timeoutMs}${from}`;
    return this.connection.request({ method: 'GET', path });
  }

  /** Like `sync`, raw. */
  slidingSync(body: object, { pos, timeoutMs }: { pos?: string; timeoutMs: number }): Promise<HttpResponse> {
    const from = pos === undefined ? '' : `&pos=${encodeURIComponent(pos)}`;
    const path = `${SLIDING_SYNC_PATH}?timeout=${timeoutMs}${from}`;
    return this.connection.request({ method: 'POST', path, body: JSON.stringify(body) });
  }

  /** For set-up and single events; `send` of the load writes its requests itself. */
  async sendMessage(roomId: string, content: object, { transactionId, stickyMs }: Sending): Promise<void> {
    await call(this.connection, { method: 'PUT', path: sendPath(roomId, transactionId, stickyMs), body: content });
  }

  close(): void {
    this.connection.close();
  }
}

export interface Sending {
  readonly transactionId: string;
  /** Makes the event sticky for so long. */
  readonly stickyMs?: number | undefined;
}

export function sendPath(roomId: string, transactionId: string, stickyMs?: number): string {
  const sticky = stickyMs === undefined ? '' : `?${STICKY_PARAMETER}=${stickyMs}`;
  return `${CLIENT}/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${transactionId}${sticky}`;
}
