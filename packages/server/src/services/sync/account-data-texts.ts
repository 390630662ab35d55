import type { AccountDataItem } from '../accounts/account-data-reader.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { typePassesIn } from './section-filter.ts';
import type { SyncRequest } from './sync-request.ts';

/** The events of an `account_data` section, as JSON. */
export function accountDataTexts(items: readonly AccountDataItem[]): string[] {
  return items.map(({ type, contentJson }) => `{"type":${JSON.stringify(type)},"content":${contentJson}}`);
}

/** Those of the section of a room, as far as the filter lets them pass. */
export function roomAccountDataTexts({
  request,
  room,
  accountData,
}: {
  readonly request: SyncRequest;
  readonly room: RoomRecord;
  readonly accountData: readonly AccountDataItem[];
}): string[] {
  const filter = request.filter.room.accountData;
  return accountDataTexts(accountData.filter(({ type }) => typePassesIn(filter, room.roomId, type)));
}
