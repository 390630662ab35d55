import type { AccountDataItem } from '../accounts/account-data-reader.ts';

/** The events of an `account_data` section, as JSON. */
export function accountDataTexts(items: readonly AccountDataItem[]): string[] {
  return items.map(({ type, contentJson }) => `{"type":${JSON.stringify(type)},"content":${contentJson}}`);
}
