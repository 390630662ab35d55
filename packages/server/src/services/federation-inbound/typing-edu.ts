import { ALLOWED, refused } from '@limpet/protocol/verdict';
import type { Ephemeral } from '../ephemeral/ephemeral.ts';
import type { EduHandler } from '../remote-servers/edu-handler.ts';
import { findRemoteSpeaker, type RemoteSpeakerParts } from './remote-speaker.ts';

/**
 * `m.typing`: it counts for as long as a client's would that does not say how long, unless it is said again.
 * Specification: server-server API, "Typing Notifications".
 */
export function createTypingHandler(parts: RemoteSpeakerParts, ephemeral: Ephemeral): EduHandler {
  return async (origin, { room_id: roomId, user_id: userId, typing }) => {
    if (typeof typing !== 'boolean') return refused('"typing" must be true or false.');
    const speaker = await findRemoteSpeaker(parts, { origin, roomId, userId });
    if (!speaker.allowed) return speaker;
    const state = { isTyping: typing, timeoutMs: undefined };
    await ephemeral.setTyping(speaker.userId, speaker.room.roomId, state);
    return ALLOWED;
  };
}
