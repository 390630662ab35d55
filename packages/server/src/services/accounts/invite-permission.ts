import { isJsonObject, type JsonValue } from '@limpet/protocol/json';

/**
 * Account data that says whether the user takes invites: the name of the specification, and the one of the proposal
 * that clients wrote before. Specification: client-server API, "Invite permission"; MSC4380.
 */
export const INVITE_PERMISSION_TYPES = ['m.invite_permission_config', 'org.matrix.msc4380.invite_permission_config'];

/** Clients write it as they like; what says nothing blocks nothing. `block_all` stood in the older proposal. */
export function isBlockingInvites(content: JsonValue): boolean {
  return isJsonObject(content) && (content.default_action === 'block' || content.block_all === true);
}
