import { join } from 'node:path';
import type { Config } from '../config.ts';

/** Where the running server listens to its operator. */
export function controlSocketPath({ dataPath }: Config): string {
  return join(dataPath, 'control.sock');
}

/** Files that were uploaded or fetched. */
export function mediaPath({ dataPath }: Config): string {
  return join(dataPath, 'media');
}

export function signingKeyPath({ dataPath }: Config): string {
  return join(dataPath, 'signing.key');
}
