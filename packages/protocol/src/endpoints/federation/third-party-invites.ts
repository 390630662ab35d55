import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from '../client/json-object-schema.ts';

/** Specification: server-server API, "Third-party invites". */

export const exchangeThirdPartyInvite = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/exchange_third_party_invite/{roomId}',
  authentication: 'server signature',
  summary: 'Turn an invite by e-mail address or the like into one by user ID',
  body: Type.Object({
    type: Type.Literal('m.room.member'),
    room_id: Type.String(),
    sender: Type.String(),
    state_key: Type.String(),
    content: Type.Object({ membership: Type.Literal('invite'), third_party_invite: anyJsonObject }),
  }),
  response: emptyObject,
});

export const noteThirdPartyBinding = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/3pid/onbind',
  authentication: 'none',
  summary: 'An identity server tells that an address belongs to one of our users now',
  body: Type.Object({
    medium: Type.String(),
    address: Type.String(),
    mxid: Type.String(),
    invites: Type.Array(anyJsonObject),
  }),
  response: emptyObject,
});
