import {
  deleteProfileField,
  getProfile,
  getProfileField,
  setProfileField,
} from '@limpet/protocol/endpoints/client/profile';
import { parseUserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { checkProfileFieldOf } from '../account-standing.ts';
import { type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { ownUserId } from './own-user-id.ts';

/** Specification: client-server API, "Profiles". */
export function profileRoutes({ accounts }: AccountServices): Route[] {
  const { profiles } = accounts;
  return [
    route(getProfile, ({ path }) => profiles.get(parseUserId(path.userId))),

    route(getProfileField, async ({ path: { userId, keyName } }) => ({
      [keyName]: await profiles.getField(parseUserId(userId), keyName),
    })),

    route(setProfileField, async ({ path, body, requester }) => {
      const userId = ownUserId(path, requester);
      checkProfileFieldOf(requester.standing, path.keyName);
      const value = Object.hasOwn(body, path.keyName) ? body[path.keyName] : undefined;
      if (value === undefined) {
        throw new MatrixError('M_MISSING_PARAM', 'The body needs the field that the path names.');
      }
      await profiles.setField(userId, path.keyName, value);
      return {};
    }),

    route(deleteProfileField, async ({ path, requester }) => {
      await profiles.deleteField(ownUserId(path, requester), path.keyName);
      return {};
    }),
  ];
}
