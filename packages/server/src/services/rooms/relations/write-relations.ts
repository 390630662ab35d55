import type { JsonObject } from '@limpet/protocol/json';
import type { Bundle } from './bundled-aggregations.ts';

/**
 * The `m.relations` of an event as JSON text; `texts` has those of the events inside of it, by their nids. `undefined`
 * where there is nothing to bundle. Specification: client-server API, "Aggregations of child events".
 */
export function writeRelations(bundle: Bundle | undefined, texts: ReadonlyMap<number, string>): string | undefined {
  if (bundle === undefined) return undefined;
  const { edit, thread, references } = bundle;
  const parts: string[] = [];
  const editText = edit && texts.get(edit.nid);
  if (editText !== undefined) parts.push(`"m.replace":${editText}`);
  const latest = thread && texts.get(thread.latest.nid);
  if (thread !== undefined && latest !== undefined) {
    const rest = `"count":${thread.count},"current_user_participated":${thread.hasTakenPart}`;
    parts.push(`"m.thread":{"latest_event":${latest},${rest}}`);
  }
  if (references.length > 0) {
    const chunk: JsonObject[] = references.map((eventId) => ({ event_id: eventId }));
    parts.push(`"m.reference":${JSON.stringify({ chunk })}`);
  }
  return parts.length === 0 ? undefined : `{${parts.join()}}`;
}
