import type { StreamVector } from '../../../../storage/stream.ts';
import type { AccountDataItem } from '../../../accounts/account-data-reader.ts';
import { accountDataTexts } from '../../account-data-texts.ts';
import type { SyncSources } from '../../sync-sources.ts';
import type { ExtensionPart, ExtensionsInput } from './extensions-input.ts';
import { isFollowed, roomsOfExtension, untoldRanges } from './rooms-of-extension.ts';

const NAME = 'account_data';

/** What users keep for themselves, global and of the rooms of the answer. Specification: MSC3959. */
export async function readAccountDataExtension(
  input: ExtensionsInput,
  sources: SyncSources,
): Promise<ExtensionPart | undefined> {
  const request = input.extensions.account_data;
  if (request?.enabled !== true) return undefined;
  const { userId, range, news } = input;
  const { accountData } = sources;
  const isQuiet = news !== undefined && !news.accountData;
  const isWhole = range.since === undefined || input.newlyEnabled.has(NAME);
  const changed = isWhole || isQuiet ? [] : await accountData.changed(userId, range.ranges);
  const global = isWhole ? await accountData.global(userId) : changed.filter(({ roomId }) => roomId === undefined);
  const rooms = new Map<string, StreamVector | undefined>();
  const followed = new Set<string>();
  for (const { room } of roomsOfExtension(request, input)) {
    const isUntold = untoldRanges(input, room.nid) === undefined;
    if (!isUntold && isFollowed(input, room.nid)) followed.add(room.roomId);
    else rooms.set(room.roomId, isUntold ? undefined : input.toldUpTo.get(room.nid));
  }
  const ofRooms = [
    ...changed.filter(({ roomId }) => roomId !== undefined && followed.has(roomId)),
    ...(await accountData.inRooms(userId, rooms)),
  ];
  if (global.length + ofRooms.length === 0) return undefined;
  const text = `{"global":[${accountDataTexts(global).join()}],"rooms":{${roomTexts(ofRooms).join()}}}`;
  return { name: NAME, text, isNews: true };
}

function roomTexts(items: readonly AccountDataItem[]): string[] {
  const byRoom = Map.groupBy(items, ({ roomId }) => roomId ?? '');
  return [...byRoom].map(([roomId, ofRoom]) => `${JSON.stringify(roomId)}:[${accountDataTexts(ofRoom).join()}]`);
}
