import type { SyncSources } from '../../sync-sources.ts';
import type { ExtensionPart, ExtensionsInput } from './extensions-input.ts';
import { roomsOfExtension, untoldRanges } from './rooms-of-extension.ts';

/** Who is typing. Specification: MSC3961. */
export function readTypingExtension(input: ExtensionsInput, { ephemeral }: SyncSources): ExtensionPart | undefined {
  const request = input.extensions.typing;
  if (request?.enabled !== true) return undefined;
  const texts: string[] = [];
  for (const { room, membership } of roomsOfExtension(request, input)) {
    if (membership.membership !== 'join') continue;
    const userIds = ephemeral.typing(room.roomId);
    const ranges = untoldRanges(input, room.nid);
    const isNews = ranges === undefined ? userIds.length > 0 : ephemeral.typingChangedIn(room.roomId, ranges);
    if (!isNews) continue;
    const event = { type: 'm.typing', content: { user_ids: userIds } };
    texts.push(`${JSON.stringify(room.roomId)}:${JSON.stringify(event)}`);
  }
  return texts.length === 0 ? undefined : { name: 'typing', text: `{"rooms":{${texts.join()}}}`, isNews: true };
}
