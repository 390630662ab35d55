import type { JsonObject } from '@limpet/protocol/json';
import type { Session } from '../../src/services/accounts/sessions.ts';
import type { Method, TestServer } from './test-server.ts';

/** What stories of looking rooms up do again and again, as users of one server. */
export interface LookUpStory {
  /** The status, and the errcode or the body. */
  ask(method: Method, path: string, who?: Session, body?: JsonObject): Promise<[number, unknown]>;
  /** The body of an answer that has to be 200. */
  get(path: string, who: Session): Promise<JsonObject>;
  createRoom(who: Session, body?: JsonObject): Promise<string>;
  join(roomId: string, who: Session, via?: string): Promise<void>;
  setState(
    who: Session,
    where: { roomId: string; type: string; stateKey?: string },
    content: JsonObject,
  ): Promise<void>;
}

export function lookUpStory(server: TestServer): LookUpStory {
  const post = (path: string, who: Session, body: JsonObject = {}) =>
    server.ok('POST', `/_matrix/client/v3/${path}`, { token: who.accessToken, body });
  return {
    async ask(method, path, who, body) {
      const answer = await server.request(method, `/_matrix/client/${path}`, {
        token: who?.accessToken,
        ...(body === undefined ? {} : { body }),
      });
      return [answer.status, answer.status === 200 ? answer.body : answer.body.errcode];
    },
    get: (path, who) => server.ok('GET', `/_matrix/client/${path}`, { token: who.accessToken }),
    async createRoom(who, body = {}) {
      return String((await post('createRoom', who, { preset: 'public_chat', ...body })).room_id);
    },
    async join(roomId, who, via) {
      await post(`join/${encodeURIComponent(roomId)}${via === undefined ? '' : `?via=${via}`}`, who);
    },
    async setState(who, { roomId, type, stateKey = '' }, content) {
      const path = `/_matrix/client/v3/rooms/${roomId}/state/${type}/${encodeURIComponent(stateKey)}`;
      await server.ok('PUT', path, { token: who.accessToken, body: content });
    },
  };
}
