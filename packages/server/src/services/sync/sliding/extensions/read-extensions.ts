import type { SyncSources } from '../../sync-sources.ts';
import { readAccountDataExtension } from './account-data-extension.ts';
import { readE2eeExtension } from './e2ee-extension.ts';
import type { ExtensionsInput } from './extensions-input.ts';
import { readReceiptsExtension } from './receipts-extension.ts';
import { readStickyExtension } from './sticky-extension.ts';
import { readThreadSubscriptionsExtension } from './thread-subscriptions-extension.ts';
import { readToDeviceExtension } from './to-device-extension.ts';
import { readTypingExtension } from './typing-extension.ts';

export interface ExtensionsAnswer {
  /** By the name of the extension, the JSON text of its part. */
  readonly texts: ReadonlyMap<string, string>;
  /** Nothing in it that a waiting client has to be told: a request may go on waiting. */
  readonly isEmpty: boolean;
}

/** In this order: keys that messages are decrypted with before what needs them. */
const EXTENSIONS = [
  readToDeviceExtension,
  readE2eeExtension,
  readAccountDataExtension,
  readReceiptsExtension,
  readTypingExtension,
  readThreadSubscriptionsExtension,
  readStickyExtension,
];

/** The `extensions` of one answer, read up to where its rooms were. */
export async function readExtensions(input: ExtensionsInput, sources: SyncSources): Promise<ExtensionsAnswer> {
  const texts = new Map<string, string>();
  let isEmpty = true;
  for (const read of EXTENSIONS) {
    const part = await read(input, sources);
    if (part === undefined) continue;
    texts.set(part.name, part.text);
    if (part.isNews) isEmpty = false;
  }
  return { texts, isEmpty };
}
