import {
  getAccountData,
  getRoomAccountData,
  setAccountData,
  setRoomAccountData,
} from '@limpet/protocol/endpoints/client/account-data';
import { parseRoomId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { ownUserId } from './own-user-id.ts';

/** Specification: client-server API, "Client Config". */
export function accountDataRoutes({ accounts }: AccountServices): Route[] {
  const { accountData } = accounts;
  return [
    route(getAccountData, async ({ path, requester }) => {
      const userId = ownUserId(path, requester);
      return found(await accountData.json({ userId, roomId: undefined, type: path.type }));
    }),

    route(setAccountData, async ({ path, body, requester }) => {
      const userId = ownUserId(path, requester);
      await accountData.set({ userId, roomId: undefined, type: path.type }, body);
      return {};
    }),

    route(getRoomAccountData, async ({ path, requester }) => {
      const userId = ownUserId(path, requester);
      return found(await accountData.json({ userId, roomId: parseRoomId(path.roomId), type: path.type }));
    }),

    route(setRoomAccountData, async ({ path, body, requester }) => {
      const userId = ownUserId(path, requester);
      await accountData.set({ userId, roomId: parseRoomId(path.roomId), type: path.type }, body);
      return {};
    }),
  ];
}

function found(json: string | undefined): RawJson {
  if (json === undefined) throw new MatrixError('M_NOT_FOUND', 'You keep nothing under this type.');
  return new RawJson(json);
}
